#include "tests/testing/fake_feature_service.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <deque>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "google/rpc/error_details.pb.h"
#include "grpcpp/server_builder.h"

namespace radio {
namespace {

constexpr int kStep = 16;

// FNV-1a: the same on every run.
uint64_t Hash(absl::string_view bytes) {
  uint64_t hash = 14695981039346656037u;
  for (unsigned char byte : bytes) hash = (hash ^ byte) * 1099511628211u;
  return hash;
}

// Exact for the values that Value gives.
uint16_t ToHalf(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  if (value == 0) return 0;
  const uint32_t exponent = ((bits >> 23) & 0xff) - 112;
  return static_cast<uint16_t>((bits >> 16 & 0x8000) | exponent << 10 | (bits >> 13 & 0x3ff));
}

v1::Tensor MakeTensor(const std::string& bytes, const v1::OutputSpec& spec, bool summary,
                      std::vector<int64_t> shape) {
  v1::Tensor tensor;
  const bool half = spec.data_type() == v1::DATA_TYPE_FLOAT16;
  tensor.set_data_type(half ? v1::DATA_TYPE_FLOAT16 : v1::DATA_TYPE_FLOAT32);
  int64_t size = 1;
  for (int64_t extent : shape) {
    tensor.add_shape(extent);
    size *= extent;
  }
  const std::string adaptor = spec.adaptor().empty() ? "backbone" : spec.adaptor();
  std::string* data = tensor.mutable_data();
  for (int64_t i = 0; i < size; ++i) {
    const float value = FakeFeatureService::Value(bytes, adaptor, summary, i);
    const uint16_t bits = ToHalf(value);
    data->append(
        half ? reinterpret_cast<const char*>(&bits) : reinterpret_cast<const char*>(&value),
        half ? sizeof(bits) : sizeof(value));
  }
  return tensor;
}

v1::Output MakeOutput(const std::string& bytes, const v1::OutputSpec& spec,
                      const v1::Geometry& geometry) {
  const bool clip = spec.adaptor() == "clip";
  const int64_t factor = clip ? 2 : 1;
  const int64_t height = geometry.grid_height() * factor;
  const int64_t width = geometry.grid_width() * factor;
  const int64_t channels = clip ? 5 : 4;
  v1::Output output;
  output.set_adaptor(clip ? "clip" : "backbone");
  if (spec.summary()) *output.mutable_summary() = MakeTensor(bytes, spec, true, {clip ? 6 : 8});
  if (spec.features()) {
    const bool grid = spec.layout() == v1::FEATURE_LAYOUT_NHWC;
    const std::vector<int64_t> shape = grid ? std::vector<int64_t>{height, width, channels}
                                            : std::vector<int64_t>{height * width, channels};
    *output.mutable_features() = MakeTensor(bytes, spec, false, shape);
  }
  return output;
}

}  // namespace

google::rpc::Status FakeError(int code, const std::string& reason, const std::string& message,
                              std::optional<absl::Duration> retry_after) {
  google::rpc::Status status;
  status.set_code(code);
  status.set_message(message);
  google::rpc::ErrorInfo info;
  info.set_reason(reason);
  info.set_domain("radio.v1");
  status.add_details()->PackFrom(info);
  if (retry_after.has_value()) {
    google::rpc::RetryInfo retry;
    retry.mutable_retry_delay()->set_nanos(
        static_cast<int32_t>(absl::ToInt64Nanoseconds(*retry_after)));
    status.add_details()->PackFrom(retry);
  }
  return status;
}

grpc::Status FakeCallError(const google::rpc::Status& error) {
  return {static_cast<grpc::StatusCode>(error.code()), error.message(), error.SerializeAsString()};
}

// One ExtractStream call. Every field is under the service's lock.
class FakeFeatureService::Stream final
    : public grpc::ServerBidiReactor<v1::ExtractStreamRequest, v1::ExtractStreamResponse> {
 public:
  Stream(FakeFeatureService* service, int number, const grpc::Status& refusal)
      : service_(service), number_(number) {
    MutexLock lock(&service_->mutex_);
    service_->open_.insert(this);
    if (!refusal.ok()) {
      finished_ = true;
      Finish(refusal);
    } else {
      StartRead(&request_);
    }
  }

  // Needs the service's lock.
  void AnswerNext() {
    if (finished_ || writing_ || service_->held_) return;
    if (waiting_.empty()) {
      if (reads_done_) End(grpc::Status::OK);
      return;
    }
    const FakeBehaviour& behaviour = service_->behaviour_;
    if (behaviour.end_stream) {
      if (const auto end = behaviour.end_stream(number_, answered_); end.has_value()) {
        return End(*end);
      }
    }
    const v1::ExtractStreamRequest request =
        behaviour.newest_first ? waiting_.back() : waiting_.front();
    behaviour.newest_first ? waiting_.pop_back() : waiting_.pop_front();
    response_.set_id(request.id());
    *response_.mutable_result() = service_->Answer(request.image(), request.outputs());
    writing_ = true;
    ++answered_;
    StartWrite(&response_);
  }

 private:
  void End(const grpc::Status& status) {
    finished_ = true;
    Finish(status);
  }

  void OnReadDone(bool ok) override {
    MutexLock lock(&service_->mutex_);
    if (finished_) return;
    if (ok) {
      waiting_.push_back(std::move(request_));
      ++service_->record_.received;
      // The one being written may have been received already.
      const int unanswered = static_cast<int>(waiting_.size());
      service_->record_.most_unanswered = std::max(service_->record_.most_unanswered, unanswered);
      StartRead(&request_);
    } else {
      reads_done_ = true;
    }
    AnswerNext();
  }

  void OnWriteDone(bool) override {
    MutexLock lock(&service_->mutex_);
    writing_ = false;
    AnswerNext();
  }

  void OnDone() override {
    {
      MutexLock lock(&service_->mutex_);
      service_->open_.erase(this);
    }
    delete this;
  }

  void OnCancel() override {
    MutexLock lock(&service_->mutex_);
    if (!finished_) End(grpc::Status::CANCELLED);
  }

  FakeFeatureService* const service_;
  const int number_;
  v1::ExtractStreamRequest request_;
  v1::ExtractStreamResponse response_;
  std::deque<v1::ExtractStreamRequest> waiting_;
  int answered_ = 0;
  bool writing_ = false;
  bool reads_done_ = false;
  bool finished_ = false;
};

void FakeFeatureService::SetBehaviour(FakeBehaviour behaviour) {
  MutexLock lock(&mutex_);
  behaviour_ = std::move(behaviour);
}

void FakeFeatureService::ChangeResults(std::function<void(v1::ImageResult* result)> change) {
  FakeBehaviour behaviour;
  behaviour.change_result = std::move(change);
  SetBehaviour(std::move(behaviour));
}

FakeRecord FakeFeatureService::record() const {
  MutexLock lock(&mutex_);
  return record_;
}

void FakeFeatureService::Hold(bool held) {
  MutexLock lock(&mutex_);
  held_ = held;
  for (Stream* stream : open_) stream->AnswerNext();
}

v1::Model FakeFeatureService::Facts() {
  v1::Model model;
  model.set_name("fake");
  model.set_version("fake_v1 (random weights)");
  model.set_architecture("none");
  model.set_precision("float32");
  model.set_license("none");
  model.set_patch_size(kStep);
  model.set_resolution_step(kStep);
  model.set_max_resolution(2048);
  model.set_preferred_height(224);
  model.set_preferred_width(224);
  model.set_embedding_space("fake-space");
  model.set_ready(true);
  for (float mean : {0.5f, 0.25f, 0.125f}) model.add_mean(mean);
  for (float std : {0.5f, 0.25f, 2.0f}) model.add_std(std);
  v1::AdaptorInfo* backbone = model.add_adaptors();
  backbone->set_name("backbone");
  backbone->set_summary_dim(8);
  backbone->set_feature_dim(4);
  backbone->set_upsample_factor(1);
  v1::AdaptorInfo* clip = model.add_adaptors();
  clip->set_name("clip");
  clip->set_summary_dim(6);
  clip->set_feature_dim(5);
  clip->set_upsample_factor(2);
  return model;
}

v1::Geometry FakeFeatureService::GeometryOf(const std::string& bytes) {
  const uint64_t hash = Hash(bytes);
  v1::Geometry geometry;
  geometry.set_source_height(17 + static_cast<int>(hash % 50));
  geometry.set_source_width(17 + static_cast<int>(hash / 50 % 50));
  geometry.set_grid_height(geometry.source_height() / kStep);
  geometry.set_grid_width(geometry.source_width() / kStep);
  geometry.set_model_height(geometry.grid_height() * kStep);
  geometry.set_model_width(geometry.grid_width() * kStep);
  return geometry;
}

float FakeFeatureService::Value(const std::string& bytes, const std::string& adaptor, bool summary,
                                int64_t i) {
  const uint64_t hash = Hash(absl::StrCat(bytes, adaptor, summary ? "s" : "f", i));
  return static_cast<float>(static_cast<int>(hash % 256) - 128) / 16.0f;
}

grpc::Status FakeFeatureService::Begin(grpc::CallbackServerContext* context) {
  const auto left = context->deadline() - std::chrono::system_clock::now();
  const auto& metadata = context->client_metadata();
  const auto found = metadata.find("authorization");
  MutexLock lock(&mutex_);
  record_.deadlines.push_back(absl::FromChrono(left));
  record_.peers.insert(context->peer());
  record_.authorizations.push_back(found == metadata.end()
                                       ? std::string()
                                       : std::string(found->second.data(), found->second.size()));
  ++record_.calls;
  return behaviour_.call_status ? behaviour_.call_status(record_.calls, context) : grpc::Status::OK;
}

v1::ImageResult FakeFeatureService::Answer(
    const v1::Image& image, const google::protobuf::RepeatedPtrField<v1::OutputSpec>& outputs) {
  const std::string& bytes = image.encoded();
  v1::ImageResult result;
  ++record_.images;
  if (behaviour_.image_status) {
    *result.mutable_status() = behaviour_.image_status(bytes);
  } else if (absl::StartsWith(bytes, "broken")) {
    *result.mutable_status() = FakeError(3, "IMAGE_UNDECODABLE", "not an image");
  }
  if (result.status().code() != 0) return result;
  *result.mutable_geometry() = GeometryOf(bytes);
  for (const v1::OutputSpec& spec : outputs) {
    *result.add_outputs() = MakeOutput(bytes, spec, result.geometry());
  }
  if (behaviour_.change_result) behaviour_.change_result(&result);
  return result;
}

v1::Model FakeFeatureService::CurrentFacts() const {
  v1::Model model = Facts();
  MutexLock lock(&mutex_);
  if (behaviour_.change_model) behaviour_.change_model(&model);
  return model;
}

grpc::ServerUnaryReactor* FakeFeatureService::Extract(grpc::CallbackServerContext* context,
                                                      const v1::ExtractRequest* request,
                                                      v1::ExtractResponse* response) {
  grpc::Status status = Begin(context);
  if (status.ok()) {
    MutexLock lock(&mutex_);
    record_.preprocessing = request->preprocessing();
    for (const v1::Image& image : request->images()) {
      *response->add_results() = Answer(image, request->outputs());
    }
    response->set_model("fake");
    response->set_embedding_space("fake-space");
  }
  auto* reactor = context->DefaultReactor();
  reactor->Finish(status);
  return reactor;
}

grpc::ServerBidiReactor<v1::ExtractStreamRequest, v1::ExtractStreamResponse>*
FakeFeatureService::ExtractStream(grpc::CallbackServerContext* context) {
  const grpc::Status status = Begin(context);
  int number = 0;
  {
    MutexLock lock(&mutex_);
    number = ++streams_;
  }
  return new Stream(this, number, status);
}

grpc::ServerUnaryReactor* FakeFeatureService::ListModels(grpc::CallbackServerContext* context,
                                                         const v1::ListModelsRequest*,
                                                         v1::ListModelsResponse* response) {
  const grpc::Status status = Begin(context);
  *response->add_models() = CurrentFacts();
  auto* reactor = context->DefaultReactor();
  reactor->Finish(status);
  return reactor;
}

grpc::ServerUnaryReactor* FakeFeatureService::GetModel(grpc::CallbackServerContext* context,
                                                       const v1::GetModelRequest* request,
                                                       v1::GetModelResponse* response) {
  grpc::Status status = Begin(context);
  if (status.ok() && !request->model().empty() && request->model() != "fake") {
    status = FakeCallError(FakeError(5, "MODEL_NOT_FOUND", "no such model"));
  }
  *response->mutable_model() = CurrentFacts();
  auto* reactor = context->DefaultReactor();
  reactor->Finish(status);
  return reactor;
}

grpc::ServerUnaryReactor* FakeHealthService::Check(
    grpc::CallbackServerContext* context, const grpc::health::v1::HealthCheckRequest* request,
    grpc::health::v1::HealthCheckResponse* response) {
  const std::string& service = request->service();
  response->set_status(service == "loading" ? grpc::health::v1::HealthCheckResponse::NOT_SERVING
                                            : grpc::health::v1::HealthCheckResponse::SERVING);
  const bool known =
      service.empty() || service == "readiness" || service == "liveness" || service == "loading";
  auto* reactor = context->DefaultReactor();
  reactor->Finish(known ? grpc::Status::OK
                        : grpc::Status(grpc::StatusCode::NOT_FOUND, "no such service"));
  return reactor;
}

FakeServer::FakeServer(std::shared_ptr<grpc::ServerCredentials> credentials) {
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", std::move(credentials), &port);
  builder.RegisterService(&service_);
  builder.RegisterService(&health_);
  server_ = builder.BuildAndStart();
  address_ = absl::StrCat("127.0.0.1:", port);
}

FakeServer::~FakeServer() { Stop(); }

void FakeServer::Stop() {
  if (server_ == nullptr) return;
  service_.Hold(false);
  server_->Shutdown(std::chrono::system_clock::now());
  server_ = nullptr;
}

}  // namespace radio
