// The chunks that a PNG file is made of; private to this package.
#ifndef RADIO_MODEL_PREPROCESS_PNG_CHUNKS_H_
#define RADIO_MODEL_PREPROCESS_PNG_CHUNKS_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "model/preprocess/codec.h"

namespace radio {

inline constexpr size_t kPngSignatureBytes = 8;

struct PngChunk {
  absl::string_view type;
  absl::Span<const uint8_t> data;
  // With length, type and checksum.
  absl::Span<const uint8_t> whole;

  bool checksum_ok() const;
  // Whether decoding needs it. The lengths and contents of all others need not matter to anyone.
  bool holds_pixels() const;
};

// The chunk that `rest` begins with.
absl::StatusOr<PngChunk> ReadPngChunk(absl::Span<const uint8_t> rest);

struct PngOutline {
  StoredHeader header;
  // Of the rows as stored, without what compression and interlacing add.
  int64_t row_bytes = 0;
  // Compressed data.
  int64_t data_bytes = 0;
};

enum class PngChecksums { kHeaderOnly, kAll };

// Walks a file that begins with the signature up to the end of the image.
absl::StatusOr<PngOutline> ReadPngOutline(absl::Span<const uint8_t> encoded,
                                          const DecodeLimits& limits, PngChecksums checksums);

}  // namespace radio

#endif  // RADIO_MODEL_PREPROCESS_PNG_CHUNKS_H_
