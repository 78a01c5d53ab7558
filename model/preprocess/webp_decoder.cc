#include "model/preprocess/webp_decoder.h"

#include <webp/decode.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/string_view.h"
#include "model/base/status_macros.h"
#include "model/preprocess/cpu_budget.h"
#include "model/preprocess/exif.h"

namespace radio {
namespace {

using ByteSpan = absl::Span<const uint8_t>;

// "RIFF", the size of what follows, "WEBP"; then chunks: a type, the size, the data, and a byte
// more where the size is odd.
constexpr size_t kRiffHeaderBytes = 12;
constexpr size_t kChunkHeaderBytes = 8;
// What comes before a frame's data in an ANMF chunk: offsets and sides, three bytes each, and more.
constexpr size_t kFrameHeaderBytes = 16;
// Of a picture's bytes, as many are decoded at a time as hold about so many pixels: some
// milliseconds.
constexpr int64_t kPixelsPerPiece = 1 << 18;

uint32_t LittleEndian(const uint8_t* bytes, int count) {
  uint32_t value = 0;
  for (int i = count - 1; i >= 0; --i) value = value << 8 | bytes[i];
  return value;
}

// The data of the first chunk of that type. libwebpdemux would hold each chunk in memory.
std::optional<ByteSpan> FindChunk(ByteSpan file, absl::string_view type) {
  ByteSpan rest = file.subspan(kRiffHeaderBytes);
  while (rest.size() >= kChunkHeaderBytes) {
    const size_t size = LittleEndian(rest.data() + 4, 4);
    if (size > rest.size() - kChunkHeaderBytes) return std::nullopt;
    if (absl::string_view(reinterpret_cast<const char*>(rest.data()), 4) == type) {
      return rest.subspan(kChunkHeaderBytes, size);
    }
    rest.remove_prefix(std::min(kChunkHeaderBytes + size + size % 2, rest.size()));
  }
  return std::nullopt;
}

// A file that begins with the magic bytes, cut where it says that it ends.
absl::StatusOr<ByteSpan> CutToSize(ByteSpan encoded) {
  const size_t size = kChunkHeaderBytes + LittleEndian(encoded.data() + 4, 4);
  if (size < kRiffHeaderBytes || size > encoded.size()) {
    return Undecodable("WebP", "the file ends early");
  }
  return encoded.first(size);
}

struct OpenFile {
  ByteSpan bytes;
  bool animated = false;
  StoredHeader header;
};

absl::StatusOr<OpenFile> Open(ByteSpan encoded, const DecodeLimits& limits) {
  OpenFile file;
  RADIO_ASSIGN_OR_RETURN(file.bytes, CutToSize(encoded));
  WebPBitstreamFeatures features;
  if (WebPGetFeatures(file.bytes.data(), file.bytes.size(), &features) != VP8_STATUS_OK) {
    return Undecodable("WebP", "the header is damaged");
  }
  RADIO_RETURN_IF_ERROR(CheckImageSize(features.height, features.width, limits));
  file.animated = features.has_animation != 0;
  file.header.size = {features.height, features.width};
  if (const std::optional<ByteSpan> exif = FindChunk(file.bytes, "EXIF")) {
    file.header.orientation = ExifOrientation(*exif);
  }
  return file;
}

// Decodes into the configured memory, piece by piece, so that the budget is looked at in between.
VP8StatusCode DecodePieces(ByteSpan picture, WebPDecoderConfig* config, CpuBudget* budget) {
  const int64_t pixels = int64_t{config->input.height} * config->input.width;
  const size_t pieces = pixels / kPixelsPerPiece + 1;
  const size_t piece_bytes = picture.size() / pieces + 1;
  const std::unique_ptr<WebPIDecoder, void (*)(WebPIDecoder*)> decoder(
      WebPIDecode(nullptr, 0, config), WebPIDelete);
  if (decoder == nullptr) return VP8_STATUS_OUT_OF_MEMORY;
  VP8StatusCode code = VP8_STATUS_SUSPENDED;
  for (size_t fed = 0; code == VP8_STATUS_SUSPENDED && fed < picture.size();) {
    if (fed > 0 && budget->Exceeded(kPixelsPerPiece)) break;
    fed = std::min(fed + piece_bytes, picture.size());
    code = WebPIUpdate(decoder.get(), picture.data(), fed);
  }
  return code;
}

// Draws a picture, which must fit, with its top left corner at (x, y).
VP8StatusCode Draw(ByteSpan picture, int64_t y, int64_t x, CpuBudget* budget, RgbImage* canvas) {
  WebPDecoderConfig config;
  if (!WebPInitDecoderConfig(&config)) return VP8_STATUS_INVALID_PARAM;
  if (WebPGetFeatures(picture.data(), picture.size(), &config.input) != VP8_STATUS_OK ||
      config.input.has_animation != 0 || x + config.input.width > canvas->size.width ||
      y + config.input.height > canvas->size.height) {
    return VP8_STATUS_BITSTREAM_ERROR;
  }
  const int64_t stride = int64_t{3} * canvas->size.width;
  const int64_t offset = stride * y + 3 * x;
  config.output.colorspace = MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = canvas->pixels.data() + offset;
  config.output.u.RGBA.stride = static_cast<int>(stride);
  config.output.u.RGBA.size = canvas->pixels.size() - offset;
  const VP8StatusCode code = DecodePieces(picture, &config, budget);
  WebPFreeDecBuffer(&config.output);
  return code;
}

VP8StatusCode DrawFirstFrame(const OpenFile& file, CpuBudget* budget, RgbImage* canvas) {
  if (!file.animated) return Draw(file.bytes, 0, 0, budget, canvas);
  const std::optional<ByteSpan> frame = FindChunk(file.bytes, "ANMF");
  if (!frame || frame->size() < kFrameHeaderBytes) return VP8_STATUS_NOT_ENOUGH_DATA;
  // Offsets are stored halved.
  const int64_t x = 2 * int64_t{LittleEndian(frame->data(), 3)};
  const int64_t y = 2 * int64_t{LittleEndian(frame->data() + 3, 3)};
  return Draw(frame->subspan(kFrameHeaderBytes), y, x, budget, canvas);
}

}  // namespace

absl::StatusOr<StoredHeader> ReadWebpHeader(absl::Span<const uint8_t> encoded,
                                            const DecodeLimits& limits) {
  RADIO_ASSIGN_OR_RETURN(const OpenFile file, Open(encoded, limits));
  return file.header;
}

absl::StatusOr<DecodedFile> DecodeWebp(absl::Span<const uint8_t> encoded,
                                       const DecodeLimits& limits) {
  RADIO_ASSIGN_OR_RETURN(const OpenFile file, Open(encoded, limits));
  const Size size = file.header.size;
  RgbImage canvas{size, std::vector<uint8_t>(size_t{3} * size.height * size.width)};
  CpuBudget budget(limits.max_cpu);
  const VP8StatusCode code = DrawFirstFrame(file, &budget, &canvas);
  // Not by a code: libwebp says "user abort" for damaged transparency.
  if (budget.exceeded()) return TooCostly(limits);
  if (code != VP8_STATUS_OK) return Undecodable("WebP", "the data is damaged or ends early");
  return DecodedFile{std::move(canvas), file.header.orientation};
}

}  // namespace radio
