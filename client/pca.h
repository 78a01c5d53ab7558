// Dense features as a picture: their first three principal components as red, green and blue.
#ifndef RADIO_CLIENT_PCA_H_
#define RADIO_CLIENT_PCA_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"

namespace radio::client {

struct Picture {
  int height = 0;
  int width = 0;
  // [height, width, 3].
  std::vector<uint8_t> rgb;
};

// `features` is [tokens, channels]. Returns [tokens, 3]: the centred features along the directions
// of greatest variance, largest first; 0 where there are fewer directions. Exact (no random
// projection), and a direction's sign is such that its loading of greatest magnitude is positive:
// equal input, equal picture.
std::vector<float> PrincipalComponents(absl::Span<const float> features, int64_t tokens,
                                       int64_t channels);

// Each of the three channels of `colours` ([tokens, 3]) to [0, 1], so that outliers do not take the
// contrast from the rest: values nearer to the median than twice the median distance span the
// range, values beyond are clipped. As RADIO's own feature pictures are scaled.
void ScaleRobustly(std::vector<float>* colours);

// `colours` is [grid_height, grid_width, 3] in [0, 1]; bilinear, pixel centres aligned.
Picture Paint(absl::Span<const float> colours, int grid_height, int grid_width, int height,
              int width);

// Left to right with their upper edges in line; white between them and below shorter ones. At least
// one picture.
Picture SideBySide(absl::Span<const Picture> pictures);

// The picture as a PNG file's bytes.
std::string EncodePng(const Picture& picture);

}  // namespace radio::client

#endif  // RADIO_CLIENT_PCA_H_
