// What this program calls itself.
#ifndef RADIO_SERVER_VERSION_H_
#define RADIO_SERVER_VERSION_H_

#include "absl/strings/string_view.h"

namespace radio::server {

inline constexpr absl::string_view kVersion = "0.1.0";

}  // namespace radio::server

#endif  // RADIO_SERVER_VERSION_H_
