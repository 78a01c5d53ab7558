// An exported model, ready to be measured.
#ifndef RADIO_TESTS_BENCHMARK_LOADED_MODEL_H_
#define RADIO_TESTS_BENCHMARK_LOADED_MODEL_H_

#include <memory>
#include <string>

#include "model/engine/engine.h"
#include "model/model_spec.h"
#include "tests/benchmark/model_work.h"

namespace radio {

struct LoadedModel {
  ModelSpec spec;
  ModelWork work;
  std::unique_ptr<Engine> engine;
  // Wall time until the engine was there.
  double load_seconds = 0;
};

// The model in the folder `directory` on `device`; `threads`: of the engine on a CPU. Prints what
// it is. Ends the program, and says why, when it cannot be loaded.
LoadedModel LoadForBenchmark(const std::string& directory, const std::string& device, int threads);

}  // namespace radio

#endif  // RADIO_TESTS_BENCHMARK_LOADED_MODEL_H_
