#include "model/model_registry.h"

#include <algorithm>
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
      queue_(std::make_unique<BatchQueue>(BatchQueue::Options{limits}, clock, load_.get())),
      worker_({spec_.name, spec_.patch_size},
              {queue_.get(), engine_.get(), completions, load_.get(), clock, metrics}) {}

ServedModel::~ServedModel() { queue_->Close(); }

ModelRegistry::ModelRegistry(const std::vector<std::string>& names, std::string default_model)
    : default_model_(std::move(default_model)) {
  for (const std::string& name : names) entries_.push_back({name, nullptr});
}

ModelRegistry::ModelRegistry(std::vector<std::shared_ptr<const ServedModel>> models,
                             std::string default_model)
    : default_model_(std::move(default_model)) {
  for (std::shared_ptr<const ServedModel>& model : models) {
    const std::string name = model->spec().name;
    entries_.push_back({name, std::move(model)});
  }
}

void ModelRegistry::Add(std::shared_ptr<const ServedModel> model) {
  MutexLock lock(&mutex_);
  const auto entry = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return entry.name == model->spec().name;
  });
  entry->model = std::move(model);
}

absl::StatusOr<std::shared_ptr<const ServedModel>> ModelRegistry::Find(
    absl::string_view name) const {
  const absl::string_view wanted = name.empty() ? absl::string_view(default_model_) : name;
  {
    MutexLock lock(&mutex_);
    for (const Entry& entry : entries_) {
      if (entry.name != wanted) continue;
      if (entry.model != nullptr) return entry.model;
      return MakeError(Reason::kModelLoading, absl::StrCat("model \"", wanted, "\" is loading"));
    }
  }
  const std::string valid = absl::StrJoin(names(), ",");
  absl::Status status =
      MakeError(Reason::kModelNotFound,
                absl::StrCat("no model \"", wanted.substr(0, 64), "\"; this server has: ", valid));
  SetValidNames(&status, valid);
  return status;
}

std::vector<std::shared_ptr<const ServedModel>> ModelRegistry::models() const {
  std::vector<std::shared_ptr<const ServedModel>> models;
  MutexLock lock(&mutex_);
  for (const Entry& entry : entries_) {
    if (entry.model != nullptr) models.push_back(entry.model);
  }
  return models;
}

std::vector<std::string> ModelRegistry::names() const {
  std::vector<std::string> names;
  MutexLock lock(&mutex_);
  for (const Entry& entry : entries_) names.push_back(entry.name);
  return names;
}

}  // namespace radio
