// How many small images the server answers when its engine takes no time, on one connection. Prints
// one line of JSON.
//   front_end {calls|eights|stream} [SECONDS]
// calls: requests of one image, 64 at a time. eights: of eight images, 8 at a time. stream: one
// stream with 64 images under way.
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/support/proto_buffer_reader.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include "tests/benchmark/client_process.h"
#include "tests/testing/test_server.h"

namespace radio {
namespace {

constexpr int kUnderWay = 64;

using TimePoint = std::chrono::steady_clock::time_point;

bool Running(TimePoint end) { return std::chrono::steady_clock::now() < end; }

std::unique_ptr<grpc::GenericStub> Connect(const std::string& address) {
  return std::make_unique<grpc::GenericStub>(
      grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
}

grpc::ByteBuffer BufferOf(const google::protobuf::Message& message) {
  const grpc::Slice slice(message.SerializeAsString());
  return grpc::ByteBuffer(&slice, 1);
}

template <typename Message>
Message Parse(grpc::ByteBuffer* buffer) {
  Message message;
  grpc::ProtoBufferReader reader(buffer);
  message.ParseFromZeroCopyStream(&reader);
  return message;
}

struct Call {
  grpc::ClientContext context;
  grpc::ByteBuffer response;
  grpc::Status status;
  std::unique_ptr<grpc::GenericClientAsyncResponseReader> reader;
};

bool Calls(const std::string& address, int images, TimePoint end, Traffic* traffic) {
  const auto stub = Connect(address);
  v1::ExtractRequest request;
  for (int i = 0; i < images; ++i) *request.add_images() = PixelImage(16, 16, 1);
  const grpc::ByteBuffer bytes = BufferOf(request);
  grpc::CompletionQueue queue;
  const auto begin = [&] {
    auto* call = new Call;
    call->reader =
        stub->PrepareUnaryCall(&call->context, "/radio.v1.FeatureService/Extract", bytes, &queue);
    call->reader->StartCall();
    call->reader->Finish(&call->response, &call->status, call);
  };
  int under_way = kUnderWay / images;
  for (int i = 0; i < under_way; ++i) begin();
  void* tag = nullptr;
  bool ok = false;
  while (under_way > 0 && queue.Next(&tag, &ok)) {
    const std::unique_ptr<Call> call(static_cast<Call*>(tag));
    if (!call->status.ok()) return false;
    traffic->bytes += static_cast<int64_t>(call->response.Length());
    const auto response = Parse<v1::ExtractResponse>(&call->response);
    for (const v1::ImageResult& result : response.results()) {
      if (result.status().code() != 0) return false;
      ++traffic->answers;
    }
    if (Running(end)) {
      begin();
    } else {
      --under_way;
    }
  }
  return true;
}

bool Stream(const std::string& address, TimePoint end, Traffic* traffic) {
  const auto stub = Connect(address);
  v1::ExtractStreamRequest request;
  request.set_id("1");
  *request.mutable_image() = PixelImage(16, 16, 1);
  const grpc::ByteBuffer bytes = BufferOf(request);
  grpc::CompletionQueue queue;
  grpc::ClientContext context;
  const auto call = stub->PrepareCall(&context, "/radio.v1.FeatureService/ExtractStream", &queue);
  // Tags.
  char started = 0;
  char written = 0;
  char answered = 0;
  grpc::ByteBuffer response;
  call->StartCall(&started);
  int under_way = 0;
  bool writing = true;
  void* tag = nullptr;
  bool ok = false;
  while (queue.Next(&tag, &ok)) {
    if (!ok) return false;
    if (tag == &started) call->Read(&response, &answered);
    if (tag == &answered) {
      traffic->bytes += static_cast<int64_t>(response.Length());
      if (Parse<v1::ExtractStreamResponse>(&response).result().status().code() != 0) return false;
      ++traffic->answers;
      --under_way;
      call->Read(&response, &answered);
    } else {
      writing = false;
    }
    if (!Running(end)) break;
    if (!writing && under_way < kUnderWay) {
      writing = true;
      ++under_way;
      call->Write(bytes, &written);
    }
  }
  context.TryCancel();
  queue.Shutdown();
  while (queue.Next(&tag, &ok)) {
  }
  return true;
}

int Main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  const double seconds = argc > 2 ? std::atof(argv[2]) : 5;
  if (mode != "calls" && mode != "eights" && mode != "stream") {
    std::fprintf(stderr, "usage: front_end {calls|eights|stream} [SECONDS]\n");
    return 2;
  }
  const auto measured =
      MeasureTraffic(TestServer::Factory(nullptr), [&](const std::string& address, Traffic* out) {
        const TimePoint end = std::chrono::steady_clock::now() +
                              std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                                  std::chrono::duration<double>(seconds));
        if (mode == "stream") return Stream(address, end, out);
        return Calls(address, mode == "eights" ? 8 : 1, end, out);
      });
  if (!measured.has_value()) return 1;
  const auto images = static_cast<double>(measured->traffic.answers);
  std::printf(
      "{\"benchmark\":\"front_end\",\"mode\":\"%s\",\"images_per_s\":%.0f,"
      "\"server_cpu_us_per_image\":%.2f,\"client_cpu_us_per_image\":%.2f}\n",
      mode.c_str(), images / seconds, measured->server_cpu_seconds * 1e6 / images,
      measured->client_cpu_seconds * 1e6 / images);
  return 0;
}

}  // namespace
}  // namespace radio

int main(int argc, char** argv) { return radio::Main(argc, argv); }
