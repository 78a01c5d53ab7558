// Bytes of unknown origin as text.
#ifndef RADIO_SERVER_UTF8_H_
#define RADIO_SERVER_UTF8_H_

#include <string>

#include "absl/strings/string_view.h"

namespace radio::server {

// `bytes` with every byte that is not part of a well-formed UTF-8 sequence replaced by U+FFFD.
// Protobuf strings and JSON must be valid UTF-8.
std::string ToValidUtf8(absl::string_view bytes);

}  // namespace radio::server

#endif  // RADIO_SERVER_UTF8_H_
