// How fast features leave the server, on one connection: an engine that has its answer ready, a
// client in another process that throws it away. Prints one line of JSON.
//   response_path [MEBIBYTES_PER_ANSWER] [SECONDS]
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/benchmark/client_process.h"
#include "tests/testing/test_server.h"

namespace radio {
namespace {

// Answers every image with one and the same block of memory.
class ReadyEngine : public Engine {
 public:
  ReadyEngine(ModelSpec spec, int64_t tokens)
      : fake_(std::move(spec)),
        tokens_(tokens),
        features_(Bytes::Own(std::vector<uint8_t>(tokens * 8 * 4, 1))) {}

  absl::StatusOr<std::vector<absl::StatusOr<ItemOutputs>>> Run(
      absl::Span<const BatchItem> batch) override {
    // The self-test's.
    if (batch[0].image->size == Size{32, 32}) return fake_.Run(batch);
    std::vector<absl::StatusOr<ItemOutputs>> results;
    for (size_t i = 0; i < batch.size(); ++i) {
      ItemOutputs outputs(1);
      outputs[0].features = OutputTensor{DataType::kFloat32, {tokens_, 8}, features_};
      results.emplace_back(std::move(outputs));
    }
    return results;
  }
  std::string description() const override { return "ready"; }

 private:
  FakeEngine fake_;
  const int64_t tokens_;
  const Bytes features_;
};

// Calls for `seconds` and throws the answers away.
bool CallFor(double seconds, const std::string& address, Traffic* traffic) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  grpc::GenericStub stub(
      grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments));
  v1::ExtractRequest request;
  *request.add_images() = PixelImage(16, 16, 1);
  request.add_outputs()->set_features(true);
  const grpc::Slice slice(request.SerializeAsString());
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (std::chrono::steady_clock::now() < end) {
    grpc::ClientContext context;
    grpc::CompletionQueue queue;
    auto call = stub.PrepareUnaryCall(&context, "/radio.v1.FeatureService/Extract",
                                      grpc::ByteBuffer(&slice, 1), &queue);
    call->StartCall();
    grpc::ByteBuffer response;
    grpc::Status status;
    call->Finish(&response, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    if (!status.ok()) {
      std::fprintf(stderr, "%s\n", status.error_message().c_str());
      return false;
    }
    ++traffic->answers;
    traffic->bytes += static_cast<int64_t>(response.Length());
  }
  return true;
}

int Main(int argc, char** argv) {
  const double mebibytes = argc > 1 ? std::atof(argv[1]) : 5;
  const double seconds = argc > 2 ? std::atof(argv[2]) : 5;
  const auto tokens = static_cast<int64_t>(mebibytes * 1048576 / 32);
  const auto measured = MeasureTraffic(
      [&](const server::EngineSource&,
          const ModelSpec& spec) -> absl::StatusOr<std::unique_ptr<Engine>> {
        return std::make_unique<ReadyEngine>(spec, tokens);
      },
      [&](const std::string& address, Traffic* traffic) {
        return CallFor(seconds, address, traffic);
      });
  if (!measured.has_value()) return 1;
  const auto answers = static_cast<double>(measured->traffic.answers);
  std::printf(
      "{\"benchmark\":\"response_path\",\"mebibytes\":%.2f,\"answers\":%.0f,\"gb_per_s\":%.3f,"
      "\"server_cpu_ms_per_answer\":%.3f,\"client_cpu_ms_per_answer\":%.3f}\n",
      mebibytes, answers, static_cast<double>(measured->traffic.bytes) / seconds / 1e9,
      measured->server_cpu_seconds * 1e3 / answers, measured->client_cpu_seconds * 1e3 / answers);
  return 0;
}

}  // namespace
}  // namespace radio

int main(int argc, char** argv) { return radio::Main(argc, argv); }
