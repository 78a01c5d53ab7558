#include "server/server.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/impl/server_builder_option.h>
#include <grpcpp/impl/server_builder_plugin.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "config/load.h"
#include "model/base/clock.h"
#include "model/base/mutex.h"
#include "model/base/status_macros.h"
#include "server/authenticator.h"
#include "server/call_tracker.h"
#include "server/connection_drain.h"
#include "server/core.h"
#include "server/feature_service.h"
#include "server/health.h"
#include "server/inference_service.h"
#include "server/inference_statistics.h"
#include "server/listener_probe.h"
#include "server/load_reporter.h"
#include "server/logger.h"
#include "server/metrics.h"
#include "server/metrics_endpoint.h"
#include "server/metrics_fan_out.h"
#include "server/model_messages.h"
#include "server/open_streams.h"
#include "server/readiness.h"
#include "server/sampled_metrics.h"
#include "server/status_page.h"
#include "server/transport.h"
#include "server/unknown_methods.h"
#include "server/version.h"
#include "server/watchdog.h"

namespace radio::server {
namespace {

// What the process exits with when nobody can connect any more.
constexpr int kExitListenerDead = 70;

constexpr size_t kMaxTokenFileBytes = 1 << 20;
// For clients to hear that calls go elsewhere: the way there and back, over the longest lines.
// Calls that they sent before are taken.
constexpr absl::Duration kCrossing = absl::Milliseconds(500);
// For the last answers to leave. Calls that arrive meanwhile are still told UNAVAILABLE.
constexpr absl::Duration kLinger = absl::Milliseconds(100);
// For calls to hear of a failure that ends the process.
constexpr absl::Duration kLastWords = absl::Seconds(1);

Logger::Options LoggerOptions(const config::Log& log) {
  Logger::Options options;
  options.level = static_cast<LogLevel>(log.level());
  options.format = log.format() == config::Log::JSON ? LogFormat::kJson : LogFormat::kText;
  options.sample_every = log.sample_every();
  return options;
}

ServiceOptions ServiceOptionsOf(const config::ServerConfig& config) {
  ServiceOptions options;
  options.limits.max_images = config.max_images_per_request();
  options.default_deadline = absl::Milliseconds(config.default_deadline_ms());
  options.max_deadline = absl::Milliseconds(config.max_deadline_ms());
  options.max_stream_items = config.max_inflight_items_per_stream();
  options.slow_call = absl::Milliseconds(config.log().slow_request_ms());
  return options;
}

std::vector<std::string> ModelNames(const config::ServerConfig& config) {
  std::vector<std::string> names;
  for (const config::ServedModel& model : config.models()) names.push_back(model.name());
  return names;
}

absl::StatusOr<std::vector<std::string>> LoadTokens(const config::ServerConfig& config) {
  if (config.auth_token_file().empty()) return std::vector<std::string>();
  RADIO_ASSIGN_OR_RETURN(const std::string text,
                         config::ReadFile(config.auth_token_file(), kMaxTokenFileBytes));
  std::vector<std::string> tokens = Authenticator::ParseTokens(text);
  if (tokens.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("auth_token_file: holds no token: ", config.auth_token_file()));
  }
  return tokens;
}

v1::ListModelsResponse FactsOf(const ModelRegistry& models) {
  v1::ListModelsResponse facts;
  for (const auto& model : models.models()) {
    *facts.add_models() = ModelMessage(model->spec(), model->engine().healthy());
  }
  return facts;
}

// Linking gRPC's reflection library turns it on in every server; this takes it out again.
class NoReflection : public grpc::ServerBuilderOption {
 public:
  void UpdateArguments(grpc::ChannelArguments*) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
    plugins->erase(std::remove_if(plugins->begin(), plugins->end(),
                                  [](const auto& plugin) {
                                    return plugin->name() == "proto_server_reflection";
                                  }),
                   plugins->end());
  }
};

}  // namespace

// Members are destroyed in reverse order: gRPC, whose calls use all the others, first.
class Server::State {
 public:
  State(const config::ServerConfig& config, std::vector<std::string> tokens,
        std::function<void(int)> exit_process)
      : config_(config),
        exit_process_(std::move(exit_process)),
        logger_(LoggerOptions(config.log())),
        authenticator_(std::move(tokens)),
        metrics_(ModelNames(config)),
        sinks_({&metrics_, &statistics_}),
        core_(config, &sinks_) {}
  ~State() {
    listener_probe_.reset();
    watchdog_.reset();
    Shutdown();
    if (grpc_ != nullptr) {
      // Open health watches never end by themselves.
      grpc_->Shutdown(std::chrono::system_clock::now());
      grpc_->Wait();
    }
    // Scrapes read the core.
    endpoint_.reset();
  }

  absl::Status Listen();
  absl::Status ServeMetrics();
  void WatchListener();
  absl::Status LoadModels(const EngineFactory& make_engine);
  void LeaveService();
  bool Shutdown();

  const std::string& grpc_address() const { return grpc_address_; }
  const std::string& metrics_address() const { return metrics_address_; }

 private:
  // On health and in the Open Inference Protocol.
  void SetPhase(Phase phase);
  void Sample(std::vector<server::Sample>* samples) const;
  void GiveUp(const std::string& model, Trouble trouble);
  bool StopBeingReady();
  void RefuseWork();

  const config::ServerConfig config_;
  const std::function<void(int)> exit_process_;
  Logger logger_;
  const Authenticator authenticator_;
  Metrics metrics_;
  InferenceStatistics statistics_;
  MetricsFanOut sinks_;
  CallTracker calls_;
  OpenStreams streams_;
  Core core_;
  std::unique_ptr<LoadReporter> load_;
  std::unique_ptr<FeatureService> features_;
  std::unique_ptr<InferenceService> inference_;
  UnknownMethods unknown_methods_;
  std::unique_ptr<grpc::Server> grpc_;
  std::unique_ptr<Health> health_;
  std::unique_ptr<MetricsEndpoint> endpoint_;
  std::unique_ptr<Watchdog> watchdog_;
  std::unique_ptr<ListenerProbe> listener_probe_;
  std::string grpc_address_;
  std::string metrics_address_;
  std::atomic<Phase> phase_{Phase::kLoading};
  std::atomic<bool> draining_{false};

  Readiness readiness_;
  // For as long as a shutdown takes.
  Mutex shutdown_mutex_;
  bool shut_down_ ABSL_GUARDED_BY(shutdown_mutex_) = false;
};

absl::Status Server::State::Listen() {
  if (config_.report_load()) {
    load_ = std::make_unique<LoadReporter>(Clock::Real(), [this] { return core_.Load(); });
  }
  const ServiceParts parts{&core_.registry(), &core_.extractor(), Clock::Real(),
                           &metrics_,         &logger_,           &authenticator_,
                           &calls_,           &streams_,          load_.get()};
  const ServiceOptions options = ServiceOptionsOf(config_);
  features_ = std::make_unique<FeatureService>(parts, options);
  inference_ = std::make_unique<InferenceService>(parts, options, &statistics_,
                                                  [this] { return phase_.load(); });
  RADIO_ASSIGN_OR_RETURN(const std::shared_ptr<grpc::ServerCredentials> credentials,
                         MakeCredentials(config_));
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  ApplyTransport(config_.transport(), &builder);
  if (!config_.reflection()) builder.SetOption(std::make_unique<NoReflection>());
  int port = 0;
  builder.AddListeningPort(config_.listen_address(), credentials, &port);
  builder.RegisterService(features_.get());
  builder.RegisterService(inference_.get());
  builder.RegisterCallbackGenericService(&unknown_methods_);
  grpc_ = builder.BuildAndStart();
  if (grpc_ == nullptr || port == 0) {
    return absl::UnavailableError(
        absl::StrCat("listen_address: cannot listen on ", config_.listen_address()));
  }
  const std::string host = config_.listen_address().substr(0, config_.listen_address().rfind(':'));
  grpc_address_ = absl::StrCat(host, ":", port);
  health_ = std::make_unique<Health>(grpc_->GetHealthCheckService(), ModelNames(config_));
  return absl::OkStatus();
}

absl::Status Server::State::ServeMetrics() {
  if (!config_.metrics_address().empty()) {
    const auto sampled = std::make_shared<SampledMetrics>(std::vector<SampledMetrics::Source>{
        [this](std::vector<server::Sample>* samples) { Sample(samples); }, SampleProcess});
    std::vector<Page> pages;
    if (config_.status_page()) pages = StatusPages([this] { return FactsOf(core_.registry()); });
    RADIO_ASSIGN_OR_RETURN(endpoint_,
                           MetricsEndpoint::Start(config_.metrics_address(),
                                                  {metrics_.collectable(), sampled}, pages));
    metrics_address_ = endpoint_->address();
  }
  logger_.Log(LogLevel::kInfo, "listening",
              {{"grpc", grpc_address_}, {"metrics", metrics_address_}});
  return absl::OkStatus();
}

void Server::State::WatchListener() {
  if (config_.transport().listener_probe_interval_ms() == 0) return;
  listener_probe_ = std::make_unique<ListenerProbe>(
      grpc_address_, config_.has_tls(),
      absl::Milliseconds(config_.transport().listener_probe_interval_ms()), [this] {
        logger_.Log(LogLevel::kError, "listener is dead", {{"address", grpc_address_}});
        exit_process_(kExitListenerDead);
      });
}

absl::Status Server::State::LoadModels(const EngineFactory& make_engine) {
  RADIO_ASSIGN_OR_RETURN(const std::vector<config::ModelManifest> manifests,
                         LoadManifests(config_));
  for (int i = 0; i < config_.models_size(); ++i) {
    const config::ServedModel& model = config_.models(i);
    absl::StatusOr<LoadedModel> loaded =
        LoadModel(model, manifests[i], config_.intra_op_threads(), make_engine);
    const absl::Status status = loaded.ok() ? SetMaxBatchCost(config_, &*loaded) : loaded.status();
    if (!status.ok()) {
      return absl::Status(status.code(), absl::StrCat("models[", i, "]: ", status.message()));
    }
    logger_.Log(LogLevel::kInfo, "model loaded",
                {{"model", model.name()},
                 {"version", loaded->spec.version},
                 {"random_weights", loaded->spec.random_weights},
                 {"engine", loaded->engine->description()},
                 {"max_batch_cost", loaded->max_batch_cost},
                 {"max_batch_cost_from", loaded->max_batch_cost_from},
                 {"duration_s", absl::ToDoubleSeconds(loaded->load_duration)}});
    core_.Add(*std::move(loaded));
    readiness_.Say([&] { health_->SetModelReady(model.name(), true); });
  }
  watchdog_ = std::make_unique<Watchdog>(
      core_.engines(), absl::Milliseconds(config_.max_batch_duration_ms()),
      [this](const std::string& model, Trouble trouble) { GiveUp(model, trouble); });
  readiness_.Say([&] { SetPhase(Phase::kServing); });
  logger_.Log(LogLevel::kInfo, "ready", {});
  return absl::OkStatus();
}

// For good; false when that was so already.
bool Server::State::StopBeingReady() {
  return readiness_.Stop([this] { SetPhase(Phase::kEnding); });
}

void Server::State::SetPhase(Phase phase) {
  phase_ = phase;
  if (health_ != nullptr) health_->SetReady(phase == Phase::kServing);
}

void Server::State::GiveUp(const std::string& model, Trouble trouble) {
  const bool hung = trouble == Trouble::kHungBatch;
  StopBeingReady();
  logger_.Log(LogLevel::kError, hung ? "batch hangs" : "device failed", {{"model", model}});
  RefuseWork();
  calls_.WaitDrained(kLastWords);
  WaitForConnections(grpc_.get(), kLinger);
  exit_process_(static_cast<int>(trouble));
}

void Server::State::Sample(std::vector<server::Sample>* samples) const {
  core_.Sample(samples);
  samples->push_back({Metric::kDraining, {}, draining_ ? 1.0 : 0.0});
  samples->push_back({Metric::kBuildInfo, {std::string(kVersion), grpc::Version()}, 1});
  const std::vector<std::string> levels = LabelValues("level");
  for (size_t i = 0; i < levels.size(); ++i) {
    samples->push_back({Metric::kLogMessages,
                        {levels[i]},
                        static_cast<double>(logger_.count(static_cast<LogLevel>(i)))});
  }
}

void Server::State::RefuseWork() {
  calls_.BeginDrain([this] {
    core_.admission().Drain();
    streams_.Drain();
  });
}

void Server::State::LeaveService() {
  draining_ = true;
  if (StopBeingReady()) logger_.Log(LogLevel::kInfo, "draining", {});
}

bool Server::State::Shutdown() {
  MutexLock lock(&shutdown_mutex_);
  if (shut_down_ || grpc_ == nullptr) return true;
  shut_down_ = true;
  LeaveService();
  const absl::Time start = Clock::Real()->Now();
  std::this_thread::sleep_for(std::chrono::milliseconds(config_.drain_delay_ms()));

  // Before it would find nobody listening.
  listener_probe_.reset();
  TurnClientsAway(grpc_.get());
  WaitForConnections(grpc_.get(), kCrossing);
  RefuseWork();
  const bool idle = calls_.WaitDrained(absl::Milliseconds(config_.drain_timeout_ms()));
  WaitForConnections(grpc_.get(), kLinger);
  logger_.Log(idle ? LogLevel::kInfo : LogLevel::kWarning, "stopped",
              {{"all_calls_ended", idle},
               {"duration_s", absl::ToDoubleSeconds(Clock::Real()->Now() - start)}});
  return idle;
}

absl::StatusOr<std::unique_ptr<Server>> Server::Listen(const config::ServerConfig& config,
                                                       std::function<void(int)> exit_process) {
  RADIO_ASSIGN_OR_RETURN(std::vector<std::string> tokens, LoadTokens(config));
  auto state = std::make_unique<State>(config, std::move(tokens), std::move(exit_process));
  RADIO_RETURN_IF_ERROR(state->Listen());
  RADIO_RETURN_IF_ERROR(state->ServeMetrics());
  state->WatchListener();
  return std::unique_ptr<Server>(new Server(std::move(state)));
}

absl::Status Server::LoadModels(const EngineFactory& make_engine) {
  return state_->LoadModels(make_engine);
}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const config::ServerConfig& config,
                                                      const EngineFactory& make_engine,
                                                      std::function<void(int)> exit_process) {
  RADIO_ASSIGN_OR_RETURN(std::unique_ptr<Server> server, Listen(config, std::move(exit_process)));
  RADIO_RETURN_IF_ERROR(server->LoadModels(make_engine));
  return server;
}

Server::Server(std::unique_ptr<State> state) : state_(std::move(state)) {}

Server::~Server() = default;

const std::string& Server::grpc_address() const { return state_->grpc_address(); }

const std::string& Server::metrics_address() const { return state_->metrics_address(); }

void Server::LeaveService() { state_->LeaveService(); }

bool Server::Shutdown() { return state_->Shutdown(); }

}  // namespace radio::server
