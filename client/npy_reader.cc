#include "client/npy_reader.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "client/tensor_view.h"
#include "client/zip_reader.h"
#include "model/base/status_macros.h"

namespace radio::client {
namespace {

constexpr size_t kMaxNpzBytes = size_t{1} << 30;

struct Header {
  // E.g. "<f4", "|S12".
  std::string type;
  bool fortran_order = false;
  std::vector<int64_t> shape;
  int64_t size = 1;
  absl::string_view data;
};

absl::Status Broken(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("npy: ", what));
}

// What follows `key` in the header's dictionary.
absl::StatusOr<absl::string_view> After(absl::string_view facts, absl::string_view key) {
  const size_t at = facts.find(key);
  if (at == absl::string_view::npos) return Broken(absl::StrCat("no ", key));
  return absl::StripLeadingAsciiWhitespace(facts.substr(at + key.size()));
}

absl::StatusOr<std::vector<int64_t>> ParseShape(absl::string_view text) {
  const size_t close = text.find(')');
  if (!absl::ConsumePrefix(&text, "(") || close == absl::string_view::npos) {
    return Broken("no shape");
  }
  std::vector<int64_t> shape;
  for (absl::string_view part :
       absl::StrSplit(text.substr(0, close - 1), ',', absl::SkipWhitespace())) {
    int64_t extent = 0;
    if (!absl::SimpleAtoi(part, &extent) || extent < 0) return Broken("no shape");
    shape.push_back(extent);
  }
  return shape;
}

absl::StatusOr<Header> ParseHeader(absl::string_view bytes) {
  if (bytes.size() < 12 || !absl::StartsWith(bytes, "\x93NUMPY")) return Broken("not a .npy file");
  const auto byte = [bytes](size_t i) {
    return static_cast<size_t>(static_cast<uint8_t>(bytes[i]));
  };
  const bool long_size = byte(6) > 1;
  const size_t begin = long_size ? 12 : 10;
  size_t size = byte(8) | byte(9) << 8;
  if (long_size) size |= byte(10) << 16 | byte(11) << 24;
  if (size > bytes.size() - begin) return Broken("cut short");
  const absl::string_view facts = bytes.substr(begin, size);
  Header header;
  RADIO_ASSIGN_OR_RETURN(const absl::string_view type, After(facts, "'descr':"));
  header.type = std::string(type.substr(0, type.find(',')));
  header.type = std::string(absl::StripPrefix(absl::StripSuffix(header.type, "'"), "'"));
  RADIO_ASSIGN_OR_RETURN(const absl::string_view order, After(facts, "'fortran_order':"));
  header.fortran_order = absl::StartsWith(order, "True");
  RADIO_ASSIGN_OR_RETURN(const absl::string_view shape, After(facts, "'shape':"));
  RADIO_ASSIGN_OR_RETURN(header.shape, ParseShape(shape));
  header.data = bytes.substr(begin + size);
  // Products beyond the data's size, overflowing ones included, are refused; a zero anywhere is
  // none.
  const bool empty = std::count(header.shape.begin(), header.shape.end(), 0) > 0;
  const auto limit = static_cast<int64_t>(header.data.size());
  for (int64_t extent : header.shape) {
    if (!empty && extent > limit / header.size) return Broken("cut short");
    header.size = empty ? 0 : header.size * extent;
  }
  return header;
}

// Element `i` in memory order as a row-major index.
int64_t RowMajor(const Header& header, int64_t i) {
  if (!header.fortran_order) return i;
  int64_t index = 0;
  int64_t stride = header.size;
  for (int64_t extent : header.shape) {
    stride /= extent;
    index += i % extent * stride;
    i /= extent;
  }
  return index;
}

template <typename Element, typename Convert>
void ReadNumbers(const Header& header, Convert convert, std::vector<float>* numbers) {
  numbers->resize(header.size);
  for (int64_t i = 0; i < header.size; ++i) {
    Element element;
    std::memcpy(&element, header.data.data() + i * sizeof(Element), sizeof(Element));
    (*numbers)[RowMajor(header, i)] = static_cast<float>(convert(element));
  }
}

void AppendUtf8(uint32_t character, std::string* text) {
  if (character < 0x80) {
    *text += static_cast<char>(character);
  } else if (character < 0x800) {
    *text += {static_cast<char>(0xc0 | character >> 6), static_cast<char>(0x80 | (character & 63))};
  } else if (character < 0x10000) {
    *text +=
        {static_cast<char>(0xe0 | character >> 12), static_cast<char>(0x80 | (character >> 6 & 63)),
         static_cast<char>(0x80 | (character & 63))};
  } else {
    *text += {static_cast<char>(0xf0 | (character >> 18 & 7)),
              static_cast<char>(0x80 | (character >> 12 & 63)),
              static_cast<char>(0x80 | (character >> 6 & 63)),
              static_cast<char>(0x80 | (character & 63))};
  }
}

// Texts are filled up with zeros to the size of the longest.
std::string ReadText(absl::string_view element, bool unicode) {
  if (!unicode) return std::string(element.substr(0, element.find_last_not_of('\0') + 1));
  std::string text;
  for (size_t i = 0; i + 4 <= element.size(); i += 4) {
    uint32_t character;
    std::memcpy(&character, element.data() + i, sizeof(character));
    if (character != 0) AppendUtf8(character, &text);
  }
  return text;
}

// Bytes of one element; nothing for types that are not supported.
std::optional<int64_t> ElementSize(const std::string& type) {
  if (type == "<f2") return 2;
  if (type == "<f4") return 4;
  if (type == "<f8") return 8;
  int64_t size = 0;
  const bool text = absl::StartsWith(type, "|S") || absl::StartsWith(type, "<U");
  if (!text || !absl::SimpleAtoi(type.substr(2), &size) || size < 1 || size > 1 << 20) {
    return std::nullopt;
  }
  return type[1] == 'U' ? 4 * size : size;
}

}  // namespace

absl::StatusOr<NpyArray> ParseNpy(absl::string_view bytes) {
  RADIO_ASSIGN_OR_RETURN(const Header header, ParseHeader(bytes));
  const std::optional<int64_t> element = ElementSize(header.type);
  if (!element.has_value()) return Broken("unsupported type " + header.type);
  if (header.size > static_cast<int64_t>(header.data.size()) / *element) {
    return Broken("cut short");
  }
  NpyArray array;
  array.shape = header.shape;
  if (header.type == "<f2") {
    ReadNumbers<uint16_t>(header, HalfToFloat, &array.numbers);
  } else if (header.type == "<f4") {
    ReadNumbers<float>(
        header, [](float x) { return x; }, &array.numbers);
  } else if (header.type == "<f8") {
    ReadNumbers<double>(
        header, [](double x) { return x; }, &array.numbers);
  } else {
    array.texts.resize(header.size);
    for (int64_t i = 0; i < header.size; ++i) {
      array.texts[RowMajor(header, i)] =
          ReadText(header.data.substr(i * *element, *element), header.type[1] == 'U');
    }
  }
  return array;
}

absl::StatusOr<std::map<std::string, NpyArray>> ParseNpz(absl::string_view bytes) {
  RADIO_ASSIGN_OR_RETURN(const auto files, ReadZip(bytes, kMaxNpzBytes));
  std::map<std::string, NpyArray> arrays;
  for (const auto& [name, content] : files) {
    auto array = ParseNpy(content);
    if (!array.ok() && absl::StrContains(array.status().message(), "unsupported")) continue;
    if (!array.ok()) return Broken(absl::StrCat(name, ": ", array.status().message()));
    arrays[std::string(absl::StripSuffix(name, ".npy"))] = *std::move(array);
  }
  return arrays;
}

}  // namespace radio::client
