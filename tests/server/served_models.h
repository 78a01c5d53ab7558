// A registry of models with fake engines, for tests of what is around them.
#ifndef RADIO_TESTS_SERVER_SERVED_MODELS_H_
#define RADIO_TESTS_SERVER_SERVED_MODELS_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "model/base/clock.h"
#include "model/base/thread_pool.h"
#include "model/model_registry.h"
#include "tests/testing/fake_engine.h"
#include "tests/testing/fake_metrics.h"

namespace radio::server {

// Not thread-safe; the registry is.
class ServedModels {
 public:
  // The first is the default.
  explicit ServedModels(std::vector<ModelSpec> specs) : completions_("completion", 1) {
    std::vector<std::shared_ptr<const ServedModel>> models;
    const std::string default_model = specs.at(0).name;
    for (ModelSpec& spec : specs) {
      auto engine = std::make_unique<FakeEngine>(spec);
      models.push_back(std::make_shared<const ServedModel>(std::move(spec), std::move(engine),
                                                           BatchLimits{}, &completions_,
                                                           Clock::Real(), &metrics_));
    }
    registry_ = std::make_unique<ModelRegistry>(std::move(models), default_model);
  }

  const ModelRegistry& registry() const { return *registry_; }

 private:
  FakeMetrics metrics_;
  ThreadPool completions_;
  std::unique_ptr<ModelRegistry> registry_;
};

}  // namespace radio::server

#endif  // RADIO_TESTS_SERVER_SERVED_MODELS_H_
