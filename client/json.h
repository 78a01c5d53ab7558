// Text for JSON.
#ifndef RADIO_CLIENT_JSON_H_
#define RADIO_CLIENT_JSON_H_

#include <string>

#include "absl/strings/string_view.h"

namespace radio::client {

// `text` quoted and escaped, in ASCII but for valid UTF-8. A byte that is not UTF-8 (a path may
// hold any) becomes the lone surrogate U+DC80..U+DCFF, as Python's "surrogateescape" reads it back.
std::string JsonString(absl::string_view text);

}  // namespace radio::client

#endif  // RADIO_CLIENT_JSON_H_
