#include "model/preprocess/png_decoder.h"

#include <png.h>
#include <zlib.h>

#include <algorithm>
#include <csetjmp>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "model/base/status_macros.h"
#include "model/preprocess/exif.h"

namespace radio {
namespace {

constexpr size_t kSignatureBytes = 8;
constexpr size_t kHeaderBytes = 13;
// A chunk is its length, its type, its data and its checksum.
constexpr size_t kChunkOverhead = 12;

uint32_t BigEndian(const uint8_t* bytes) {
  return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | bytes[3];
}

struct Chunk {
  absl::string_view type;
  absl::Span<const uint8_t> data;
  // With length, type and checksum.
  absl::Span<const uint8_t> whole;

  bool checksum_ok() const {
    const uint8_t* type_and_data = whole.data() + 4;
    const size_t bytes = data.size() + 4;
    return crc32_z(crc32_z(0, nullptr, 0), type_and_data, bytes) ==
           BigEndian(type_and_data + bytes);
  }
};

// A PNG file as its chunks; libpng gets to see only those that the pixels need, so that lengths
// and contents of all others cannot matter to it.
struct Outline {
  StoredHeader header;
  std::vector<Chunk> pixel_chunks;
};

absl::StatusOr<Chunk> NextChunk(absl::Span<const uint8_t> rest) {
  if (rest.size() < kChunkOverhead || BigEndian(rest.data()) > rest.size() - kChunkOverhead) {
    return Undecodable("PNG", "the file ends early");
  }
  const size_t length = BigEndian(rest.data());
  return Chunk{absl::string_view(reinterpret_cast<const char*>(rest.data()) + 4, 4),
               rest.subspan(8, length), rest.first(length + kChunkOverhead)};
}

absl::Status ReadImageHeaderChunk(const Chunk& chunk, const DecodeLimits& limits, Size* size) {
  if (chunk.type != "IHDR" || chunk.data.size() != kHeaderBytes) {
    return Undecodable("PNG", "the first chunk is no IHDR");
  }
  const int64_t width = BigEndian(chunk.data.data());
  const int64_t height = BigEndian(chunk.data.data() + 4);
  RADIO_RETURN_IF_ERROR(CheckImageSize(height, width, limits));
  *size = {static_cast<int>(height), static_cast<int>(width)};
  return absl::OkStatus();
}

enum class Checksums { kHeaderOnly, kAll };

// Walks the file up to the end of the image.
absl::StatusOr<Outline> ReadOutline(absl::Span<const uint8_t> encoded, const DecodeLimits& limits,
                                    Checksums checksums) {
  Outline outline;
  absl::Span<const uint8_t> rest = encoded.subspan(kSignatureBytes);
  for (bool first = true, last = false; !last; first = false) {
    RADIO_ASSIGN_OR_RETURN(const Chunk chunk, NextChunk(rest));
    rest.remove_prefix(chunk.whole.size());
    if (first) RADIO_RETURN_IF_ERROR(ReadImageHeaderChunk(chunk, limits, &outline.header.size));
    if ((first || checksums == Checksums::kAll) && !chunk.checksum_ok()) {
      return Undecodable("PNG", "a chunk's checksum is wrong");
    }
    last = chunk.type == "IEND";
    if (chunk.type == "eXIf") outline.header.orientation = ExifOrientation(chunk.data);
    if (last || chunk.type == "IHDR" || chunk.type == "PLTE" || chunk.type == "IDAT") {
      outline.pixel_chunks.push_back(chunk);
    } else if ((chunk.type[0] & 0x20) == 0) {
      return Undecodable("PNG", "it holds an unknown critical chunk");
    }
  }
  return outline;
}

// One pass over one file.
class PngReader {
 public:
  PngReader(absl::Span<const uint8_t> encoded, const Outline& outline)
      : encoded_(encoded), outline_(outline) {}
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;
  ~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }

  absl::StatusOr<RgbImage> Decode() {
    const Size size = outline_.header.size;
    const size_t row_bytes = size_t{3} * size.width;
    RgbImage image{size, std::vector<uint8_t>(row_bytes * size.height)};
    std::vector<uint8_t*> rows(size.height);
    for (int y = 0; y < size.height; ++y) rows[y] = image.pixels.data() + y * row_bytes;
    if (!Guard([&] { ReadPixels(rows.data(), row_bytes); })) {
      return Undecodable("PNG", "the data is damaged or ends early");
    }
    return image;
  }

 private:
  static PngReader* Of(png_structp png) { return static_cast<PngReader*>(png_get_io_ptr(png)); }

  // Runs `step`; false when libpng gave up. An error jumps out of `step`, so nothing with a
  // destructor may live in it.
  template <typename Step>
  bool Guard(Step step) {
    if (setjmp(jump_) != 0) return false;
    step();
    return true;
  }

  [[noreturn]] static void Fail(png_structp png, png_const_charp) {
    longjmp(static_cast<PngReader*>(png_get_error_ptr(png))->jump_, 1);
  }

  // libpng's source of bytes: the signature, then the chunks it may see.
  void Read(uint8_t* to, size_t bytes) {
    while (bytes > 0) {
      if (piece_.empty()) {
        if (next_chunk_ == outline_.pixel_chunks.size()) png_error(png_, "");
        piece_ = outline_.pixel_chunks[next_chunk_++].whole;
      }
      const size_t now = std::min(bytes, piece_.size());
      std::memcpy(to, piece_.data(), now);
      piece_.remove_prefix(now);
      to += now;
      bytes -= now;
    }
  }

  void ReadPixels(uint8_t** rows, size_t row_bytes) {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, &Fail,
                                  [](png_structp, png_const_charp) {});
    if (png_ == nullptr) longjmp(jump_, 1);
    info_ = png_create_info_struct(png_);
    piece_ = encoded_.first(kSignatureBytes);
    png_set_read_fn(png_, this, [](png_structp png, png_bytep to, png_size_t bytes) {
      Of(png)->Read(to, bytes);
    });
    png_set_user_limits(png_, outline_.header.size.width, outline_.header.size.height);
    // The outline has checked them.
    png_set_crc_action(png_, PNG_CRC_QUIET_USE, PNG_CRC_QUIET_USE);
    png_read_info(png_, info_);
    png_set_expand(png_);
    png_set_scale_16(png_);
    png_set_gray_to_rgb(png_);
    png_set_strip_alpha(png_);
    png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
    if (png_get_rowbytes(png_, info_) != row_bytes) png_error(png_, "");
    // Without png_read_end: it would inflate whatever data follows the last row.
    png_read_image(png_, rows);
  }

  const absl::Span<const uint8_t> encoded_;
  const Outline& outline_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  absl::Span<const uint8_t> piece_;
  size_t next_chunk_ = 0;
  std::jmp_buf jump_;
};

}  // namespace

absl::StatusOr<StoredHeader> ReadPngHeader(absl::Span<const uint8_t> encoded,
                                           const DecodeLimits& limits) {
  RADIO_ASSIGN_OR_RETURN(const Outline outline,
                         ReadOutline(encoded, limits, Checksums::kHeaderOnly));
  return outline.header;
}

absl::StatusOr<DecodedFile> DecodePng(absl::Span<const uint8_t> encoded,
                                      const DecodeLimits& limits) {
  RADIO_ASSIGN_OR_RETURN(const Outline outline, ReadOutline(encoded, limits, Checksums::kAll));
  RADIO_ASSIGN_OR_RETURN(RgbImage image, PngReader(encoded, outline).Decode());
  return DecodedFile{std::move(image), outline.header.orientation};
}

}  // namespace radio
