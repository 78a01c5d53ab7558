#include "model/model_registry.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "model/errors.h"

namespace radio {

ServedModel::ServedModel(ModelSpec spec, std::unique_ptr<Engine> engine, BatchLimits limits,
                         ThreadPool* completions, const Clock* clock, MetricsSink* metrics)
    : spec_(std::move(spec)),
      cost_model_(spec_),
      load_(std::make_unique<ModelLoad>()),
      engine_(std::move(engine)),
      queue_(std::make_unique<BatchQueue>(limits, clock)),
      worker_({spec_.name, spec_.patch_size},
              {queue_.get(), engine_.get(), completions, load_.get(), clock, metrics}) {}

ServedModel::~ServedModel() { queue_->Close(); }

ModelRegistry::ModelRegistry(std::vector<std::shared_ptr<const ServedModel>> models,
                             std::string default_model)
    : models_(std::move(models)), default_model_(std::move(default_model)) {}

absl::StatusOr<std::shared_ptr<const ServedModel>> ModelRegistry::Find(
    absl::string_view name) const {
  const absl::string_view wanted = name.empty() ? absl::string_view(default_model_) : name;
  for (const std::shared_ptr<const ServedModel>& model : models_) {
    if (model->spec().name == wanted) return model;
  }
  const std::string names = absl::StrJoin(models_, ",", [](std::string* out, const auto& model) {
    absl::StrAppend(out, model->spec().name);
  });
  absl::Status status =
      MakeError(Reason::kModelNotFound,
                absl::StrCat("no model \"", wanted.substr(0, 64), "\"; this server has: ", names));
  SetValidNames(&status, names);
  return status;
}

}  // namespace radio
