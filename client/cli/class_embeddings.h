// Text embeddings of class names, against which `radio classify` compares images.
#ifndef RADIO_CLIENT_CLI_CLASS_EMBEDDINGS_H_
#define RADIO_CLIENT_CLI_CLASS_EMBEDDINGS_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace radio::client {

struct ClassEmbeddings {
  std::vector<std::string> names;
  int64_t channels = 0;
  // [names.size(), channels], each of length 1.
  std::vector<float> vectors;
  // The adaptor whose space this is; empty when the file does not say.
  std::string space;

  // The `top` classes nearest to `summary` (of `channels` elements, any length but 0) with their
  // cosines, best first; equal ones in their own order.
  std::vector<std::pair<std::string, float>> Nearest(absl::Span<const float> summary,
                                                     size_t top) const;
};

// `.npz` as `radio-export text` writes it (arrays `embeddings`, `names`, `space`; the last two may
// be missing), or a `.npy` [classes, C]. Classes without a name are called by their number.
// INVALID_ARGUMENT says what is wrong with the file.
absl::StatusOr<ClassEmbeddings> ReadClassEmbeddings(const std::string& path);

}  // namespace radio::client

#endif  // RADIO_CLIENT_CLI_CLASS_EMBEDDINGS_H_
