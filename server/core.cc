#include "server/core.h"

#include <algorithm>
#include <thread>
#include <utility>

namespace radio::server {
namespace {

Admission::Options AdmissionOptions(const config::ServerConfig& config) {
  Admission::Options options;
  options.max_items = config.max_inflight_items();
  options.max_bytes = config.max_inflight_bytes();
  options.client_share = config.client_share_percent() / 100.0;
  options.max_queue_delay = absl::Milliseconds(config.max_queue_delay_ms());
  return options;
}

BatchLimits LimitsOf(const config::ServerConfig& config, const LoadedModel& model) {
  BatchLimits limits;
  limits.max_cost = model.max_batch_cost;
  limits.max_bytes = config.max_batch_bytes();
  limits.max_images = config.max_batch_images();
  limits.mixed_sizes = model.spec.mixed_sizes;
  return limits;
}

Preprocessor::Options PreprocessorOptions(const config::ServerConfig& config) {
  Preprocessor::Options options;
  options.limits.max_bytes = config.decode().max_bytes();
  options.limits.max_side = config.decode().max_side();
  options.limits.max_pixels = config.decode().max_pixels();
  options.limits.max_cpu = absl::Milliseconds(config.decode().max_cpu_ms());
  return options;
}

int PreprocessThreads(const config::ServerConfig& config) {
  if (config.preprocess_threads() > 0) return config.preprocess_threads();
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()) / 2);
}

}  // namespace

Core::Core(const config::ServerConfig& config, MetricsSink* metrics)
    : config_(config),
      metrics_(metrics),
      admission_(AdmissionOptions(config)),
      completions_(std::make_unique<ThreadPool>("completion", config.completion_threads())),
      preprocess_(std::make_unique<ThreadPool>("preprocess", PreprocessThreads(config))) {
  if (config.quarantine_s() > 0) {
    Quarantine::Options options;
    options.period = absl::Seconds(config.quarantine_s());
    quarantine_ = std::make_unique<Quarantine>(options, Clock::Real());
  }
  std::vector<std::string> names;
  for (const config::ServedModel& model : config.models()) names.push_back(model.name());
  const std::string default_model =
      config.default_model().empty() ? config.models(0).name() : config.default_model();
  registry_ = std::make_unique<ModelRegistry>(names, default_model);
  extractor_ = std::make_unique<FeatureExtractor>(
      Preprocessor(PreprocessorOptions(config)),
      FeatureExtractor::Parts{&admission_, preprocess_.get(), Clock::Real(), metrics,
                              quarantine_.get()});
}

void Core::Add(LoadedModel model) {
  const BatchLimits limits = LimitsOf(config_, model);
  {
    MutexLock lock(&mutex_);
    facts_[model.spec.name] = {model.device, model.load_duration};
    engines_.push_back({model.spec.name, model.engine.get()});
  }
  registry_->Add(std::make_shared<const ServedModel>(std::move(model.spec), std::move(model.engine),
                                                     limits, completions_.get(), Clock::Real(),
                                                     metrics_));
}

std::vector<Watchdog::Watched> Core::engines() const {
  MutexLock lock(&mutex_);
  return engines_;
}

Core::~Core() {
  // What is being prepared still goes to the models' queues, and those are emptied before their
  // completions end.
  preprocess_.reset();
  registry_.reset();
  completions_.reset();
}

LoadSnapshot Core::Load() const {
  LoadSnapshot load;
  for (const Watchdog::Watched& engine : engines()) load.busy.push_back(engine.engine->busy());
  load.items_share = static_cast<double>(admission_.items()) / config_.max_inflight_items();
  load.bytes_share =
      static_cast<double>(admission_.bytes()) / static_cast<double>(config_.max_inflight_bytes());
  for (const auto& model : registry_->models()) {
    load.queue_depth += static_cast<double>(model->queue().depth());
    load.queue_age = std::max(load.queue_age, model->queue().oldest_age());
  }
  return load;
}

void Core::Sample(std::vector<server::Sample>* samples) const {
  const auto add = [&](Metric metric, std::vector<std::string> labels, double value) {
    samples->push_back({metric, std::move(labels), value});
  };
  add(Metric::kInflightItems, {}, admission_.items());
  add(Metric::kInflightItemsLimit, {}, config_.max_inflight_items());
  add(Metric::kInflightBytes, {}, static_cast<double>(admission_.bytes()));
  add(Metric::kInflightBytesLimit, {}, static_cast<double>(config_.max_inflight_bytes()));
  add(Metric::kPreprocessThreads, {}, preprocess_->threads());
  add(Metric::kPreprocessQueueDepth, {}, static_cast<double>(preprocess_->queue_depth()));
  add(Metric::kImagesQuarantined, {},
      quarantine_ == nullptr ? 0 : static_cast<double>(quarantine_->refused()));
  for (const std::string& name : registry_->names()) {
    const absl::StatusOr<std::shared_ptr<const ServedModel>> model = registry_->Find(name);
    add(Metric::kModelReady, {name}, model.ok() && (*model)->engine().healthy() ? 1 : 0);
    if (model.ok()) SampleModel(**model, samples);
  }
}

void Core::SampleModel(const ServedModel& model, std::vector<server::Sample>* samples) const {
  const auto add = [&](Metric metric, std::vector<std::string> labels, double value) {
    samples->push_back({metric, std::move(labels), value});
  };
  const ModelSpec& spec = model.spec();
  ModelFacts facts;
  {
    MutexLock lock(&mutex_);
    facts = facts_.at(spec.name);
  }
  add(Metric::kQueueDepth, {spec.name}, static_cast<double>(model.queue().depth()));
  add(Metric::kQueueOldestAge, {spec.name}, absl::ToDoubleSeconds(model.queue().oldest_age()));
  add(Metric::kBatchBudget, {spec.name}, model.queue().budget().current());
  const DeviceMemory memory = model.engine().device_memory();
  add(Metric::kDeviceMemoryAllocated, {spec.name}, static_cast<double>(memory.allocated));
  add(Metric::kDeviceMemoryReserved, {spec.name}, static_cast<double>(memory.reserved));
  add(Metric::kModelLoadDuration, {spec.name}, absl::ToDoubleSeconds(facts.load_duration));
  add(Metric::kModelInfo,
      {spec.name, spec.version, spec.architecture, spec.precision, facts.device,
       spec.source_sha256},
      1);
}

}  // namespace radio::server
