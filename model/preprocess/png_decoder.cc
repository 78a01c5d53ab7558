#include "model/preprocess/png_decoder.h"

#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstddef>
#include <utility>
#include <vector>

#include "model/base/status_macros.h"
#include "model/preprocess/cpu_budget.h"
#include "model/preprocess/png_chunks.h"

namespace radio {
namespace {

// Deflate's best case: 258 bytes for two bits.
constexpr int64_t kMaxExpansion = 1032;
// What libpng is handed at a time: data may be long and hold no row.
constexpr size_t kPieceBytes = 1 << 16;

// One pass over one file whose outline is sound. libpng is handed the chunks one by one: of the two
// ways to use it the one that stops inflating after the last row.
class PngReader {
 public:
  PngReader(Size size, const DecodeLimits& limits)
      : size_(size), limits_(limits), budget_(limits.max_cpu) {}
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;
  ~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }

  absl::StatusOr<RgbImage> Decode(absl::Span<const uint8_t> encoded) {
    pixels_.reserve(row_bytes() * size_.height);
    bool sound = Guard([&] { Start(encoded.first(kPngSignatureBytes)); });
    absl::Span<const uint8_t> rest = encoded.subspan(kPngSignatureBytes);
    while (sound && !complete_) {
      RADIO_ASSIGN_OR_RETURN(const PngChunk chunk, ReadPngChunk(rest));
      rest.remove_prefix(chunk.whole.size());
      if (chunk.holds_pixels()) sound = Guard([&] { Process(chunk.whole); });
    }
    if (budget_.exceeded()) return TooCostly(limits_);
    if (!sound) return Undecodable("PNG", "the data is damaged or ends early");
    return RgbImage{size_, std::move(pixels_)};
  }

 private:
  size_t row_bytes() const { return size_t{3} * size_.width; }

  // Runs `step`; false when libpng gave up. An error jumps out of `step`, so nothing with a
  // destructor may live in it.
  template <typename Step>
  bool Guard(Step step) {
    if (setjmp(jump_) != 0) return false;
    step();
    return true;
  }

  [[noreturn]] static void Fail(png_structp png, png_const_charp /*message*/) {
    longjmp(static_cast<PngReader*>(png_get_error_ptr(png))->jump_, 1);
  }

  static PngReader* Of(png_structp png) {
    return static_cast<PngReader*>(png_get_progressive_ptr(png));
  }

  void Process(absl::Span<const uint8_t> bytes) {
    while (!bytes.empty() && !complete_) {
      const absl::Span<const uint8_t> piece = bytes.first(std::min(kPieceBytes, bytes.size()));
      Spend(static_cast<int64_t>(piece.size()));
      // libpng does not write to them.
      png_process_data(png_, info_, const_cast<uint8_t*>(piece.data()), piece.size());
      bytes.remove_prefix(piece.size());
    }
  }

  void Spend(int64_t work) {
    if (budget_.Exceeded(work)) png_error(png_, "");
  }

  void Start(absl::Span<const uint8_t> signature) {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, &Fail,
                                  [](png_structp, png_const_charp) {});
    if (png_ == nullptr) longjmp(jump_, 1);
    info_ = png_create_info_struct(png_);
    png_set_progressive_read_fn(
        png_, this, [](png_structp png, png_infop) { Of(png)->SetUpRows(); },
        [](png_structp png, png_bytep row, png_uint_32 y, int pass) {
          Of(png)->AddRow(row, y, pass);
        },
        nullptr);
    png_set_user_limits(png_, size_.width, size_.height);
    // The outline's reader has checked them.
    png_set_crc_action(png_, PNG_CRC_QUIET_USE, PNG_CRC_QUIET_USE);
    Process(signature);
  }

  void SetUpRows() {
    png_set_expand(png_);
    png_set_scale_16(png_);
    png_set_gray_to_rgb(png_);
    png_set_strip_alpha(png_);
    last_pass_ = png_set_interlace_handling(png_) - 1;
    png_read_update_info(png_, info_);
    if (png_get_rowbytes(png_, info_) != row_bytes()) png_error(png_, "");
  }

  // Rows come in order, in every pass anew; `row` is null where a pass adds nothing.
  void AddRow(uint8_t* row, size_t y, int pass) {
    Spend(size_.width);
    const size_t begin = row_bytes() * y;
    if (begin > pixels_.size()) png_error(png_, "");
    // Memory is touched as rows come.
    if (begin == pixels_.size()) pixels_.resize(begin + row_bytes());
    png_progressive_combine_row(png_, pixels_.data() + begin, row);
    complete_ = pass == last_pass_ && y + 1 == static_cast<size_t>(size_.height);
  }

  const Size size_;
  const DecodeLimits limits_;
  CpuBudget budget_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  int last_pass_ = 0;
  bool complete_ = false;
  std::vector<uint8_t> pixels_;
  std::jmp_buf jump_;
};

}  // namespace

absl::StatusOr<StoredHeader> ReadPngHeader(absl::Span<const uint8_t> encoded,
                                           const DecodeLimits& limits) {
  RADIO_ASSIGN_OR_RETURN(const PngOutline outline,
                         ReadPngOutline(encoded, limits, PngChecksums::kHeaderOnly));
  return outline.header;
}

absl::StatusOr<DecodedFile> DecodePng(absl::Span<const uint8_t> encoded,
                                      const DecodeLimits& limits) {
  RADIO_ASSIGN_OR_RETURN(const PngOutline outline,
                         ReadPngOutline(encoded, limits, PngChecksums::kAll));
  const Size size = outline.header.size;
  if (outline.row_bytes * size.height > outline.data_bytes * kMaxExpansion) {
    return Undecodable("PNG", "the header declares more pixels than the data can hold");
  }
  RADIO_ASSIGN_OR_RETURN(RgbImage image, PngReader(size, limits).Decode(encoded));
  return DecodedFile{std::move(image), outline.header.orientation};
}

}  // namespace radio
