// How fast features leave the server, on one connection: an engine that has its answer ready, a
// client in another process that throws it away. Prints one line of JSON.
//   response_path [MEBIBYTES_PER_ANSWER] [SECONDS]
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

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

double CpuSeconds(int who) {
  rusage usage{};
  getrusage(who, &usage);
  const auto seconds = [](const timeval& t) { return t.tv_sec + t.tv_usec * 1e-6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Reads an address from `fd`, calls for `seconds`, prints how many answers came.
int RunClient(int fd, double seconds, int out) {
  char address[64] = {};
  if (read(fd, address, sizeof(address) - 1) <= 0) return 1;
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  grpc::GenericStub stub(
      grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments));
  v1::ExtractRequest request;
  *request.add_images() = PixelImage(16, 16, 1);
  request.add_outputs()->set_features(true);
  const grpc::Slice slice(request.SerializeAsString());
  int64_t totals[2] = {0, 0};
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
      return 1;
    }
    ++totals[0];
    totals[1] += static_cast<int64_t>(response.Length());
  }
  return write(out, totals, sizeof(totals)) == sizeof(totals) ? 0 : 1;
}

int Main(int argc, char** argv) {
  const double mebibytes = argc > 1 ? std::atof(argv[1]) : 5;
  const double seconds = argc > 2 ? std::atof(argv[2]) : 5;
  int to_client[2];
  int from_client[2];
  if (pipe(to_client) != 0 || pipe(from_client) != 0) return 1;
  // Before gRPC has any threads.
  const pid_t client = fork();
  if (client == 0) _exit(RunClient(to_client[0], seconds, from_client[1]));

  const auto tokens = static_cast<int64_t>(mebibytes * 1048576 / 32);
  auto server =
      server::Server::Start(TestServer::Config({}),
                            [&](const server::EngineSource&,
                                const ModelSpec& spec) -> absl::StatusOr<std::unique_ptr<Engine>> {
                              return std::make_unique<ReadyEngine>(spec, tokens);
                            });
  if (!server.ok()) return 1;
  const double cpu = CpuSeconds(RUSAGE_SELF);
  const std::string& address = (*server)->grpc_address();
  if (write(to_client[1], address.data(), address.size()) < 0) return 1;
  int64_t totals[2] = {0, 0};
  close(from_client[1]);
  const bool counted = read(from_client[0], totals, sizeof(totals)) == sizeof(totals);
  const double used = CpuSeconds(RUSAGE_SELF) - cpu;
  int status = 0;
  waitpid(client, &status, 0);
  if (!counted || totals[0] == 0) return 1;
  std::printf(
      "{\"benchmark\":\"response_path\",\"mebibytes\":%.2f,\"answers\":%lld,\"gb_per_s\":%.3f,"
      "\"server_cpu_ms_per_answer\":%.3f,\"client_cpu_ms_per_answer\":%.3f}\n",
      mebibytes, static_cast<long long>(totals[0]), totals[1] / seconds / 1e9,
      used * 1e3 / totals[0], CpuSeconds(RUSAGE_CHILDREN) * 1e3 / totals[0]);
  return 0;
}

}  // namespace
}  // namespace radio

int main(int argc, char** argv) { return radio::Main(argc, argv); }
