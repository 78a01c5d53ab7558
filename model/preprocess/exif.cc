#include "model/preprocess/exif.h"

#include <cstring>
#include <optional>

namespace radio {
namespace {

constexpr int kUpright = 1;
constexpr uint16_t kOrientationTag = 0x0112;
constexpr uint16_t kTypeShort = 3;
constexpr size_t kEntryBytes = 12;

// Bounds-checked integers of either byte order.
class TiffView {
 public:
  TiffView(absl::Span<const uint8_t> data, bool big_endian)
      : data_(data), big_endian_(big_endian) {}

  std::optional<uint32_t> Integer(uint64_t offset, size_t bytes) const {
    if (offset > data_.size() || data_.size() - offset < bytes) return std::nullopt;
    uint32_t value = 0;
    for (size_t i = 0; i < bytes; ++i) {
      value = value << 8 | data_[offset + (big_endian_ ? i : bytes - 1 - i)];
    }
    return value;
  }

 private:
  const absl::Span<const uint8_t> data_;
  const bool big_endian_;
};

std::optional<uint32_t> FindOrientation(const TiffView& tiff) {
  if (tiff.Integer(2, 2) != 42) return std::nullopt;
  const std::optional<uint32_t> directory = tiff.Integer(4, 4);
  if (!directory) return std::nullopt;
  const uint32_t entries = tiff.Integer(*directory, 2).value_or(0);
  for (uint32_t i = 0; i < entries; ++i) {
    const uint64_t entry = uint64_t{*directory} + 2 + kEntryBytes * i;
    const std::optional<uint32_t> tag = tiff.Integer(entry, 2);
    if (!tag) return std::nullopt;
    if (*tag != kOrientationTag) continue;
    const bool one_short =
        tiff.Integer(entry + 2, 2) == kTypeShort && tiff.Integer(entry + 4, 4) == 1u;
    return one_short ? tiff.Integer(entry + 8, 2) : std::nullopt;
  }
  return std::nullopt;
}

bool StartsWith(absl::Span<const uint8_t> data, const char* prefix, size_t bytes) {
  return data.size() >= bytes && std::memcmp(data.data(), prefix, bytes) == 0;
}

}  // namespace

int ExifOrientation(absl::Span<const uint8_t> exif) {
  if (StartsWith(exif, "Exif\0\0", 6)) exif.remove_prefix(6);
  const bool big_endian = StartsWith(exif, "MM", 2);
  if (!big_endian && !StartsWith(exif, "II", 2)) return kUpright;
  const uint32_t value = FindOrientation(TiffView(exif, big_endian)).value_or(kUpright);
  return value >= 1 && value <= 8 ? static_cast<int>(value) : kUpright;
}

}  // namespace radio
