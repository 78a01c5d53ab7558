#include "client/zip_reader.h"

#include <zlib.h>

#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "model/base/status_macros.h"

namespace radio::client {
namespace {

constexpr absl::string_view kEndSignature("PK\5\6", 4);
constexpr absl::string_view kEntrySignature("PK\1\2", 4);
constexpr absl::string_view kLocalSignature("PK\3\4", 4);
constexpr size_t kEndSize = 22;
constexpr size_t kEntrySize = 46;
constexpr size_t kLocalSize = 30;

absl::Status Broken(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("zip: ", what));
}

// Little-endian number of `size` bytes; the caller has checked that they are there.
uint32_t Number(absl::string_view bytes, size_t offset, size_t size) {
  uint32_t value = 0;
  for (size_t i = size; i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[offset + i]);
  return value;
}

bool Has(absl::string_view bytes, size_t offset, size_t size) {
  return offset <= bytes.size() && size <= bytes.size() - offset;
}

struct Entry {
  std::string name;
  uint32_t flags;
  uint32_t method;
  uint32_t checksum;
  uint32_t packed_size;
  uint32_t size;
  uint32_t offset;
};

absl::StatusOr<std::string> Inflate(absl::string_view packed, uint32_t size) {
  std::string content(size, '\0');
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return Broken("no memory");
  // zlib does not write to its input.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(content.data());
  stream.avail_out = size;
  const int result = inflate(&stream, Z_FINISH);
  inflateEnd(&stream);
  if (result != Z_STREAM_END || stream.avail_out != 0) return Broken("damaged content");
  return content;
}

absl::StatusOr<std::string> Unpack(absl::string_view bytes, const Entry& entry) {
  if ((entry.flags & 1) != 0) return Broken("encrypted");
  if (!Has(bytes, entry.offset, kLocalSize) || bytes.substr(entry.offset, 4) != kLocalSignature) {
    return Broken("an entry's header is not where it should be");
  }
  const size_t begin = size_t{entry.offset} + kLocalSize + Number(bytes, entry.offset + 26, 2) +
                       Number(bytes, entry.offset + 28, 2);
  if (!Has(bytes, begin, entry.packed_size)) return Broken("cut short");
  const absl::string_view packed = bytes.substr(begin, entry.packed_size);
  std::string content;
  if (entry.method == 0 && entry.packed_size == entry.size) {
    content = std::string(packed);
  } else if (entry.method == 8) {
    RADIO_ASSIGN_OR_RETURN(content, Inflate(packed, entry.size));
  } else {
    return Broken("unknown compression");
  }
  const uLong checksum =
      crc32(0, reinterpret_cast<const Bytef*>(content.data()), static_cast<uInt>(content.size()));
  if (checksum != entry.checksum) return Broken("wrong checksum");
  return content;
}

// The record at the end of the archive; a comment may follow it.
absl::StatusOr<size_t> FindEnd(absl::string_view bytes) {
  if (bytes.size() < kEndSize || bytes.size() > UINT32_MAX) return Broken("not an archive");
  const size_t end = bytes.rfind(kEndSignature, bytes.size() - kEndSize);
  if (end == absl::string_view::npos) return Broken("not an archive");
  return end;
}

}  // namespace

absl::StatusOr<std::map<std::string, std::string>> ReadZip(absl::string_view bytes,
                                                           size_t max_bytes) {
  RADIO_ASSIGN_OR_RETURN(const size_t end, FindEnd(bytes));
  const uint32_t count = Number(bytes, end + 10, 2);
  size_t at = Number(bytes, end + 16, 4);
  std::map<std::string, std::string> contents;
  for (uint32_t i = 0; i < count; ++i) {
    if (!Has(bytes, at, kEntrySize) || bytes.substr(at, 4) != kEntrySignature) {
      return Broken("damaged directory");
    }
    Entry entry{"",
                Number(bytes, at + 8, 2),
                Number(bytes, at + 10, 2),
                Number(bytes, at + 16, 4),
                Number(bytes, at + 20, 4),
                Number(bytes, at + 24, 4),
                Number(bytes, at + 42, 4)};
    const size_t name_size = Number(bytes, at + 28, 2);
    if (!Has(bytes, at + kEntrySize, name_size)) return Broken("damaged directory");
    entry.name = std::string(bytes.substr(at + kEntrySize, name_size));
    at += kEntrySize + name_size + Number(bytes, at + 30, 2) + Number(bytes, at + 32, 2);
    if (entry.size > max_bytes) return Broken("too large");
    max_bytes -= entry.size;
    RADIO_ASSIGN_OR_RETURN(std::string content, Unpack(bytes, entry));
    contents[entry.name] = std::move(content);
  }
  return contents;
}

}  // namespace radio::client
