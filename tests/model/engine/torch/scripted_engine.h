// A small artefact of scripted modules, and an engine that has loaded it.
#ifndef RADIO_TESTS_MODEL_ENGINE_TORCH_SCRIPTED_ENGINE_H_
#define RADIO_TESTS_MODEL_ENGINE_TORCH_SCRIPTED_ENGINE_H_

#include <gmock/gmock.h>

#include <memory>
#include <optional>
#include <vector>

#include "model/engine/torch/torch_engine.h"

namespace radio {

// Outputs of the artefact: "good" doubles the first token and triples every token; "raising" raises
// whenever it runs; "hungry" asks for more memory than there is in its summary, and returns one
// token too few.
constexpr int kBackbone = 0;
constexpr int kGood = 1;
constexpr int kRaising = 2;
constexpr int kHungry = 3;

OutputRequest Ask(int adaptor, bool summary, bool features);

// The values of a float32 tensor.
std::vector<float> Floats(const std::optional<OutputTensor>& tensor);

// uint8 noise; the same for the same seed.
ImageTensor NoiseImage(Size size, unsigned seed);

// A uint8 image as float32 [3, height, width] in [0, 1].
ImageTensor AsFloat(const ImageTensor& image);

class ScriptedEngineTest : public testing::Test {
 protected:
  // Writes the artefact to a temporary folder.
  ScriptedEngineTest();

  // The engine by `options_` and `spec_`.
  std::unique_ptr<Engine> Load();
  absl::Status LoadError();

  TorchEngine::Options options_;
  ModelSpec spec_;
  const ImageTensor small_ = NoiseImage({16, 32}, 1);
  const ImageTensor tall_ = NoiseImage({80, 16}, 2);
  const ImageTensor large_ = NoiseImage({48, 64}, 3);
  const std::vector<OutputRequest> everything_ = {Ask(kBackbone, true, true),
                                                  Ask(kGood, true, true)};
};

}  // namespace radio

#endif  // RADIO_TESTS_MODEL_ENGINE_TORCH_SCRIPTED_ENGINE_H_
