// Proof that a loaded model computes what its exporter recorded.
#ifndef RADIO_MODEL_SELF_TEST_H_
#define RADIO_MODEL_SELF_TEST_H_

#include <vector>

#include "absl/status/status.h"
#include "model/engine/engine.h"
#include "model/model_spec.h"
#include "model/types.h"

namespace radio {

struct SelfTest {
  struct Image {
    Size size;
    // uint8 RGB, [height, width, 3].
    Bytes pixels;
  };
  // What one output of the spec must be.
  struct Expected {
    // [images, summary_dim]; empty without a summary.
    std::vector<float> summary;
    // [sum of the images' tokens, feature_dim]; empty without features.
    std::vector<float> features;
  };

  std::vector<Image> images;
  // One per output of the spec, in its order.
  std::vector<Expected> outputs;
};

// Runs the images as one batch and each alone, and compares every value. A float32 model may differ
// by 1e-4 of the recorded array's root mean square (E-RADIO: 1e-3); a bfloat16 model must reach a
// cosine of 0.999 in every row. FAILED_PRECONDITION names the first output that fails and its
// distance; an engine's own error is passed on. Blocks.
absl::Status RunSelfTest(Engine* engine, const ModelSpec& spec, const SelfTest& test);

}  // namespace radio

#endif  // RADIO_MODEL_SELF_TEST_H_
