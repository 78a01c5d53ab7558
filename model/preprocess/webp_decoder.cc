#include "model/preprocess/webp_decoder.h"

#include <webp/decode.h>
#include <webp/demux.h>

#include <memory>
#include <utility>

#include "model/base/status_macros.h"
#include "model/preprocess/exif.h"

namespace radio {
namespace {

using Demuxer = std::unique_ptr<WebPDemuxer, decltype(&WebPDemuxDelete)>;

struct OpenFile {
  Demuxer demuxer;
  StoredHeader header;
};

int Orientation(const WebPDemuxer* demuxer) {
  WebPChunkIterator chunk;
  if (!WebPDemuxGetChunk(demuxer, "EXIF", 1, &chunk)) return 1;
  const int orientation = ExifOrientation(absl::MakeConstSpan(chunk.chunk.bytes, chunk.chunk.size));
  WebPDemuxReleaseChunkIterator(&chunk);
  return orientation;
}

absl::StatusOr<OpenFile> Open(absl::Span<const uint8_t> encoded, const DecodeLimits& limits) {
  const WebPData data{encoded.data(), encoded.size()};
  Demuxer demuxer(WebPDemux(&data), &WebPDemuxDelete);
  if (demuxer == nullptr) return Undecodable("WebP", "the file is damaged or ends early");
  const int64_t height = WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_HEIGHT);
  const int64_t width = WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_WIDTH);
  RADIO_RETURN_IF_ERROR(CheckImageSize(height, width, limits));
  const Size size{static_cast<int>(height), static_cast<int>(width)};
  const int orientation = Orientation(demuxer.get());
  return OpenFile{std::move(demuxer), {size, orientation}};
}

bool DecodeFrame(const WebPIterator& frame, RgbImage* canvas) {
  const int64_t right = int64_t{frame.x_offset} + frame.width;
  const int64_t bottom = int64_t{frame.y_offset} + frame.height;
  if (right > canvas->size.width || bottom > canvas->size.height) return false;
  WebPDecoderConfig config;
  if (!WebPInitDecoderConfig(&config)) return false;
  if (WebPGetFeatures(frame.fragment.bytes, frame.fragment.size, &config.input) != VP8_STATUS_OK ||
      config.input.width != frame.width || config.input.height != frame.height) {
    return false;
  }
  const size_t stride = size_t{3} * canvas->size.width;
  const size_t offset = stride * frame.y_offset + size_t{3} * frame.x_offset;
  config.output.colorspace = MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = canvas->pixels.data() + offset;
  config.output.u.RGBA.stride = static_cast<int>(stride);
  config.output.u.RGBA.size = canvas->pixels.size() - offset;
  const VP8StatusCode code = WebPDecode(frame.fragment.bytes, frame.fragment.size, &config);
  WebPFreeDecBuffer(&config.output);
  return code == VP8_STATUS_OK;
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
  WebPIterator frame;
  const bool decoded =
      WebPDemuxGetFrame(file.demuxer.get(), 1, &frame) && DecodeFrame(frame, &canvas);
  WebPDemuxReleaseIterator(&frame);
  if (!decoded) return Undecodable("WebP", "the data is damaged or ends early");
  return DecodedFile{std::move(canvas), file.header.orientation};
}

}  // namespace radio
