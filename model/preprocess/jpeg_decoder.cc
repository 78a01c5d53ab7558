#include "model/preprocess/jpeg_decoder.h"

#include <csetjmp>
// jpeglib.h needs size_t and FILE before it.
#include <cstddef>
#include <cstdio>
// clang-format off
#include <jpeglib.h>
#include <jerror.h>
// clang-format on

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "model/base/status_macros.h"
#include "model/errors.h"
#include "model/preprocess/cpu_budget.h"
#include "model/preprocess/exif.h"
#include "model/preprocess/half_chroma_rows.h"

namespace radio {
namespace {

constexpr int kExifMarker = JPEG_APP0 + 1;
constexpr int kStartOfScan = 0xDA;
constexpr absl::string_view kExifPrefix("Exif\0\0", 6);

// Every scan of a progressive file costs a pass over the whole picture, and a scan may take a few
// bytes only. Encoders write about ten; pixels times scans bounds the time.
constexpr int64_t kMaxScans = 50;
constexpr int64_t kMinScans = 16;
constexpr int64_t kMaxScannedPixels = 300'000'000;

// The first segment that holds EXIF, or nothing. libjpeg can save segments, in time quadratic in
// their number.
absl::Span<const uint8_t> FindExif(absl::Span<const uint8_t> jpeg) {
  constexpr size_t kSegmentHeader = 4;
  absl::Span<const uint8_t> rest = jpeg.subspan(2);
  while (rest.size() >= kSegmentHeader && rest[0] == 0xFF) {
    const int marker = rest[1];
    const size_t length = size_t{rest[2]} << 8 | rest[3];
    if (marker == 0xFF) {
      rest.remove_prefix(1);  // Padding.
      continue;
    }
    const bool has_length = marker >= 0xC0 && (marker < JPEG_RST0 || marker > JPEG_EOI);
    if (!has_length || marker == kStartOfScan || length < 2 || length + 2 > rest.size()) break;
    const absl::Span<const uint8_t> data = rest.subspan(kSegmentHeader, length - 2);
    if (marker == kExifMarker && data.size() >= kExifPrefix.size() &&
        std::memcmp(data.data(), kExifPrefix.data(), kExifPrefix.size()) == 0) {
      return data;
    }
    rest.remove_prefix(length + 2);
  }
  return {};
}

int MaxScans(Size size) {
  const int64_t pixels = int64_t{size.height} * size.width;
  return static_cast<int>(std::clamp(kMaxScannedPixels / pixels, kMinScans, kMaxScans));
}

// (a * b / 255), rounded.
int MulDiv255(int a, int b) {
  const int product = a * b + 128;
  return (product + (product >> 8)) >> 8;
}

// Ink amounts are stored inverted (255 = none), the habit that Adobe's programs established.
void CmykToRgb(const uint8_t* cmyk, int width, uint8_t* rgb) {
  for (int x = 0; x < width; ++x, cmyk += 4) {
    const int light = cmyk[3];
    for (int c = 0; c < 3; ++c) {
      *rgb++ = static_cast<uint8_t>(std::max(0, light - MulDiv255(255 - cmyk[c], light)));
    }
  }
}

bool IsHarmless(int warning) {
  return warning == JWRN_JFIF_MAJOR || warning == JWRN_ADOBE_XFORM || warning == JWRN_BOGUS_ICC ||
         warning == JWRN_EXTRANEOUS_DATA;
}

using NextRow = absl::FunctionRef<uint8_t*()>;

// One pass over one file. Use: Open, then Decode or nothing.
class JpegReader {
 public:
  JpegReader(absl::Span<const uint8_t> encoded, const DecodeLimits& limits)
      : encoded_(encoded), limits_(limits), budget_(limits.max_cpu) {
    info_.client_data = this;
    info_.err = jpeg_std_error(&errors_);
    errors_.error_exit = [](j_common_ptr info) { Of(info)->Fail(info->err->msg_code); };
    errors_.emit_message = [](j_common_ptr info, int level) {
      if (level < 0 && !IsHarmless(info->err->msg_code)) Of(info)->Fail(info->err->msg_code);
    };
    errors_.output_message = [](j_common_ptr) {};
    progress_.progress_monitor = [](j_common_ptr info) { Of(info)->CheckCost(); };
  }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;
  ~JpegReader() { jpeg_destroy_decompress(&info_); }

  absl::StatusOr<StoredHeader> Open() {
    if (!Guard([this] { ReadHeader(); })) {
      return failure_ == JERR_IMAGE_TOO_BIG
                 ? CheckImageSize(info_.image_height, info_.image_width, limits_)
                 : Undecodable("JPEG", "the header is damaged or ends early");
    }
    RADIO_RETURN_IF_ERROR(CheckImageSize(info_.image_height, info_.image_width, limits_));
    return StoredHeader{size(), ExifOrientation(FindExif(encoded_))};
  }

  absl::Status Decode(NextRow next_row) {
    max_scans_ = MaxScans(size());
    std::vector<uint8_t> cmyk(info_.num_components == 4 ? size_t{4} * size().width : 0);
    std::optional<HalfChromaRows> components;
    if (IsHalfChroma()) components.emplace(size());
    if (Guard([&] {
          if (components) {
            ReadComponents(next_row, &*components);
          } else {
            ReadRows(next_row, cmyk.empty() ? nullptr : cmyk.data());
          }
        })) {
      return absl::OkStatus();
    }
    if (failure_ == kTooCostly) return TooCostly(limits_);
    return Undecodable("JPEG", failure_ == kTooManyScans
                                   ? absl::StrCat("more than ", max_scans_, " scans")
                                   : "the data is damaged or ends early");
  }

  Size size() const {
    return {static_cast<int>(info_.image_height), static_cast<int>(info_.image_width)};
  }

 private:
  static constexpr int kTooManyScans = -1;
  static constexpr int kTooCostly = -2;

  template <typename Info>
  static JpegReader* Of(Info* info) {
    return static_cast<JpegReader*>(info->client_data);
  }

  // Runs `step`; false when libjpeg gave up. An error jumps out of `step`, so nothing with a
  // destructor may live in it.
  template <typename Step>
  bool Guard(Step step) {
    if (setjmp(jump_) != 0) return false;
    step();
    return true;
  }

  [[noreturn]] void Fail(int code) {
    failure_ = code;
    longjmp(jump_, 1);
  }

  // For every row of every scan, or a few rows.
  void CheckCost() {
    if (info_.input_scan_number > max_scans_) Fail(kTooManyScans);
    if (budget_.Exceeded(info_.image_width)) Fail(kTooCostly);
  }

  void ReadHeader() {
    // It clears the struct but for client_data and err.
    jpeg_create_decompress(&info_);
    info_.progress = &progress_;
    jpeg_mem_src(&info_, encoded_.data(), encoded_.size());
    jpeg_read_header(&info_, TRUE);
  }

  // Whether HalfChromaRows makes the pixels. The library's upsampling of
  // narrower pictures is another.
  bool IsHalfChroma() const {
    const auto has_factor = [this](int component, int factor) {
      const jpeg_component_info& info = info_.comp_info[component];
      return info.h_samp_factor == factor && info.v_samp_factor == factor;
    };
    return HalfChromaRows::Supported() && info_.jpeg_color_space == JCS_YCbCr &&
           info_.num_components == 3 && has_factor(0, 2) && has_factor(1, 1) && has_factor(2, 1) &&
           info_.image_width > 4;
  }

  void ReadComponents(NextRow next_row, HalfChromaRows* rows) {
    info_.raw_data_out = TRUE;
    jpeg_start_decompress(&info_);
    while (info_.output_scanline < info_.output_height) {
      jpeg_read_raw_data(&info_, rows->NextPiece(), HalfChromaRows::kRowsInPiece);
      while (rows->HasRow()) {
        rows->MakeRow(next_row());
        CheckCost();
      }
    }
    jpeg_finish_decompress(&info_);
  }

  // `cmyk` is room for a row of a file that has four components, else null.
  void ReadRows(NextRow next_row, uint8_t* cmyk) {
    info_.out_color_space = cmyk ? JCS_CMYK : JCS_RGB;
    jpeg_start_decompress(&info_);
    while (info_.output_scanline < info_.output_height) {
      uint8_t* row = next_row();
      jpeg_read_scanlines(&info_, cmyk ? &cmyk : &row, 1);
      if (cmyk) CmykToRgb(cmyk, size().width, row);
    }
    jpeg_finish_decompress(&info_);
  }

  const absl::Span<const uint8_t> encoded_;
  const DecodeLimits limits_;
  CpuBudget budget_;
  jpeg_decompress_struct info_{};
  jpeg_error_mgr errors_{};
  jpeg_progress_mgr progress_{};
  std::jmp_buf jump_;
  int failure_ = 0;
  int max_scans_ = 1;
};

}  // namespace

absl::StatusOr<StoredHeader> ReadJpegHeader(absl::Span<const uint8_t> encoded,
                                            const DecodeLimits& limits) {
  return JpegReader(encoded, limits).Open();
}

absl::Status DecodeJpegRows(absl::Span<const uint8_t> encoded, const DecodeLimits& limits,
                            NextRow next_row) {
  JpegReader reader(encoded, limits);
  RADIO_RETURN_IF_ERROR(reader.Open().status());
  return reader.Decode(next_row);
}

absl::StatusOr<DecodedFile> DecodeJpeg(absl::Span<const uint8_t> encoded,
                                       const DecodeLimits& limits) {
  JpegReader reader(encoded, limits);
  RADIO_ASSIGN_OR_RETURN(const StoredHeader header, reader.Open());
  const size_t row_bytes = size_t{3} * header.size.width;
  DecodedFile file{{header.size, {}}, header.orientation};
  std::vector<uint8_t>& pixels = file.image.pixels;
  // Reserved at once and touched as rows come: a short file that declares a large picture costs
  // little.
  pixels.reserve(row_bytes * header.size.height);
  RADIO_RETURN_IF_ERROR(reader.Decode([&] {
    pixels.resize(pixels.size() + row_bytes);
    return pixels.data() + pixels.size() - row_bytes;
  }));
  return file;
}

}  // namespace radio
