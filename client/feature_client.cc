#include "client/feature_client.h"

#include <utility>

#include "client/transport.h"
#include "client/unary_call.h"

namespace radio::client {
namespace {

ExtractResult ToResult(const std::shared_ptr<const v1::ExtractResponse>& response) {
  ExtractResult result;
  result.model = response->model();
  result.embedding_space = response->embedding_space();
  result.images.reserve(response->results_size());
  for (const v1::ImageResult& image : response->results()) {
    result.images.push_back(
        ToImageFeatures(std::shared_ptr<const v1::ImageResult>(response, &image)));
  }
  return result;
}

using FeatureAsync = v1::FeatureService::StubInterface::async_interface;
using HealthAsync = grpc::health::v1::Health::StubInterface::async_interface;

// A method of a generated stub's callback interface.
template <typename Async, typename Request, typename Response>
using Method = void (Async::*)(grpc::ClientContext*, const Request*, Response*,
                               std::function<void(grpc::Status)>);

template <typename Response, typename Async, typename Request>
std::weak_ptr<UnaryCall<Response>> Call(Transport* transport, Async* stub,
                                        Method<Async, Request, Response> method, Request request,
                                        Done<Response> done) {
  auto shared = std::make_shared<const Request>(std::move(request));
  return UnaryCall<Response>::Run(
      transport,
      [stub, method, shared](grpc::ClientContext* context, Response* response,
                             std::function<void(grpc::Status)> finish) {
        (stub->*method)(context, shared.get(), response, std::move(finish));
      },
      std::move(done));
}

template <typename Response, typename Async, typename Request>
absl::StatusOr<std::shared_ptr<const Response>> BlockingCall(
    Transport* transport, Async* stub, Method<Async, Request, Response> method,
    const Request& request) {
  return Await<absl::StatusOr<std::shared_ptr<const Response>>>([&](Done<Response> done) {
    Call<Response, Async, Request>(transport, stub, method, request, std::move(done));
  });
}

}  // namespace

absl::StatusOr<std::unique_ptr<FeatureClient>> FeatureClient::Connect(
    const ClientOptions& options) {
  auto transport = Transport::Create(options);
  if (!transport.ok()) return transport.status();
  return std::unique_ptr<FeatureClient>(new FeatureClient(*std::move(transport)));
}

FeatureClient::FeatureClient(std::unique_ptr<Transport> transport)
    : transport_(std::move(transport)) {}

FeatureClient::~FeatureClient() = default;

absl::StatusOr<ExtractResult> FeatureClient::Extract(v1::ExtractRequest request) const {
  return Await<absl::StatusOr<ExtractResult>>(
      [&](auto done) { ExtractAsync(std::move(request), std::move(done)); });
}

CancelCall FeatureClient::ExtractAsync(
    v1::ExtractRequest request, std::function<void(absl::StatusOr<ExtractResult>)> done) const {
  auto call = Call<v1::ExtractResponse, FeatureAsync, v1::ExtractRequest>(
      transport_.get(), transport_->features(), &FeatureAsync::Extract, std::move(request),
      [done = std::move(done)](auto response) {
        if (!response.ok()) return done(response.status());
        done(ToResult(*response));
      });
  return [call = std::move(call)] {
    if (const auto running = call.lock(); running != nullptr) running->Cancel();
  };
}

std::unique_ptr<FeatureStream> FeatureClient::ExtractStream(StreamOptions options,
                                                            OnResult on_result) const {
  return std::make_unique<FeatureStream>(transport_.get(), std::move(options),
                                         std::move(on_result));
}

absl::StatusOr<std::vector<v1::Model>> FeatureClient::ListModels() const {
  const auto response = BlockingCall<v1::ListModelsResponse, FeatureAsync, v1::ListModelsRequest>(
      transport_.get(), transport_->features(), &FeatureAsync::ListModels, v1::ListModelsRequest());
  if (!response.ok()) return response.status();
  return std::vector<v1::Model>((*response)->models().begin(), (*response)->models().end());
}

absl::StatusOr<v1::Model> FeatureClient::GetModel(const std::string& name) const {
  v1::GetModelRequest request;
  request.set_model(name);
  const auto response = BlockingCall<v1::GetModelResponse, FeatureAsync, v1::GetModelRequest>(
      transport_.get(), transport_->features(), &FeatureAsync::GetModel, request);
  if (!response.ok()) return response.status();
  return (*response)->model();
}

absl::StatusOr<grpc::health::v1::HealthCheckResponse::ServingStatus> FeatureClient::Health(
    const std::string& service) const {
  using grpc::health::v1::HealthCheckRequest;
  using grpc::health::v1::HealthCheckResponse;
  HealthCheckRequest request;
  request.set_service(service);
  const auto response = BlockingCall<HealthCheckResponse, HealthAsync, HealthCheckRequest>(
      transport_.get(), transport_->health(), &HealthAsync::Check, request);
  if (!response.ok()) return response.status();
  return (*response)->status();
}

}  // namespace radio::client
