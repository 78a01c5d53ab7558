#include "client/json.h"

#include <cstdint>

#include "absl/strings/str_format.h"

namespace radio::client {
namespace {

// Length of the valid UTF-8 sequence at the beginning, 0 if there is none.
size_t Utf8Length(absl::string_view text) {
  const auto byte = [text](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(0);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  // Overlong forms, surrogates, and what lies beyond U+10FFFF.
  if ((first == 0xe0 && byte(1) < 0xa0) || (first == 0xed && byte(1) > 0x9f) ||
      (first == 0xf0 && byte(1) < 0x90) || (first == 0xf4 && byte(1) > 0x8f)) {
    return 0;
  }
  return length;
}

}  // namespace

std::string JsonString(absl::string_view text) {
  std::string json = "\"";
  while (!text.empty()) {
    const auto byte = static_cast<uint8_t>(text[0]);
    const size_t length = Utf8Length(text);
    if (length == 0) {
      absl::StrAppendFormat(&json, "\\u%04x", 0xdc00u + byte);
    } else if (byte == '"' || byte == '\\') {
      json += {'\\', text[0]};
    } else if (byte < 0x20 || byte == 0x7f) {
      absl::StrAppendFormat(&json, "\\u%04x", byte);
    } else {
      json.append(text.data(), length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  json += '"';
  return json;
}

}  // namespace radio::client
