#include "model/preprocess/png_chunks.h"

#include <zlib.h>

#include "model/base/status_macros.h"
#include "model/preprocess/exif.h"

namespace radio {
namespace {

constexpr size_t kHeaderBytes = 13;
// A chunk is its length, its type, its data and its checksum.
constexpr size_t kOverhead = 12;

uint32_t BigEndian(const uint8_t* bytes) {
  return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | bytes[3];
}

int Channels(int colour_type) {
  switch (colour_type) {
    case 2:
      return 3;
    case 4:
      return 2;
    case 6:
      return 4;
    default:
      return 1;
  }
}

absl::Status ReadHeader(const PngChunk& chunk, const DecodeLimits& limits, PngOutline* outline) {
  if (chunk.type != "IHDR" || chunk.data.size() != kHeaderBytes) {
    return Undecodable("PNG", "the first chunk is no IHDR");
  }
  const int64_t width = BigEndian(chunk.data.data());
  const int64_t height = BigEndian(chunk.data.data() + 4);
  RADIO_RETURN_IF_ERROR(CheckImageSize(height, width, limits));
  outline->header.size = {static_cast<int>(height), static_cast<int>(width)};
  outline->row_bytes = (width * chunk.data[8] * Channels(chunk.data[9]) + 7) / 8;
  return absl::OkStatus();
}

}  // namespace

bool PngChunk::checksum_ok() const {
  const uint8_t* type_and_data = whole.data() + 4;
  const size_t bytes = data.size() + 4;
  return crc32_z(crc32_z(0, nullptr, 0), type_and_data, bytes) == BigEndian(type_and_data + bytes);
}

bool PngChunk::holds_pixels() const {
  return type == "IHDR" || type == "PLTE" || type == "IDAT" || type == "IEND";
}

absl::StatusOr<PngChunk> ReadPngChunk(absl::Span<const uint8_t> rest) {
  if (rest.size() < kOverhead || BigEndian(rest.data()) > rest.size() - kOverhead) {
    return Undecodable("PNG", "the file ends early");
  }
  const size_t length = BigEndian(rest.data());
  return PngChunk{absl::string_view(reinterpret_cast<const char*>(rest.data()) + 4, 4),
                  rest.subspan(8, length), rest.first(length + kOverhead)};
}

absl::StatusOr<PngOutline> ReadPngOutline(absl::Span<const uint8_t> encoded,
                                          const DecodeLimits& limits, PngChecksums checksums) {
  PngOutline outline;
  absl::Span<const uint8_t> rest = encoded.subspan(kPngSignatureBytes);
  for (bool first = true, last = false; !last; first = false) {
    RADIO_ASSIGN_OR_RETURN(const PngChunk chunk, ReadPngChunk(rest));
    rest.remove_prefix(chunk.whole.size());
    if (first) RADIO_RETURN_IF_ERROR(ReadHeader(chunk, limits, &outline));
    if ((first || checksums == PngChecksums::kAll) && !chunk.checksum_ok()) {
      return Undecodable("PNG", "a chunk's checksum is wrong");
    }
    const bool critical = (chunk.type[0] & 0x20) == 0;
    if (critical && !chunk.holds_pixels()) {
      return Undecodable("PNG", "it holds an unknown critical chunk");
    }
    if (chunk.type == "eXIf") outline.header.orientation = ExifOrientation(chunk.data);
    if (chunk.type == "IDAT") outline.data_bytes += static_cast<int64_t>(chunk.data.size());
    last = chunk.type == "IEND";
  }
  return outline;
}

}  // namespace radio
