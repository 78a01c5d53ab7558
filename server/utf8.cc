#include "server/utf8.h"

#include <cstdint>

namespace radio::server {
namespace {

// Length of the well-formed sequence at the start of `bytes`, 0 when there is none (Unicode 15,
// table 3-7).
size_t SequenceLength(absl::string_view bytes) {
  const auto at = [&](size_t i) -> int { return i < bytes.size() ? uint8_t(bytes[i]) : -1; };
  const auto continues = [&](size_t i) { return at(i) >= 0x80 && at(i) <= 0xBF; };
  const int first = at(0);
  if (first <= 0x7F) return 1;
  if (first >= 0xC2 && first <= 0xDF) return continues(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const int low = first == 0xE0 ? 0xA0 : 0x80;
    const int high = first == 0xED ? 0x9F : 0xBF;
    return at(1) >= low && at(1) <= high && continues(2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const int low = first == 0xF0 ? 0x90 : 0x80;
    const int high = first == 0xF4 ? 0x8F : 0xBF;
    return at(1) >= low && at(1) <= high && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}

}  // namespace

std::string ToValidUtf8(absl::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  while (!bytes.empty()) {
    const size_t length = SequenceLength(bytes);
    if (length == 0) {
      text += "\xEF\xBF\xBD";
      bytes.remove_prefix(1);
    } else {
      text.append(bytes.data(), length);
      bytes.remove_prefix(length);
    }
  }
  return text;
}

}  // namespace radio::server
