#include "tests/testing/test_server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "config/load.h"
#include "config/validate.h"
#include "google/rpc/error_details.pb.h"
#include "tests/testing/fake_artefact.h"

namespace radio {

config::ServerConfig TestServer::Config(const Options& options) {
  config::ServerConfig config;
  config.set_listen_address("127.0.0.1:0");
  config.set_metrics_address("127.0.0.1:0");
  config.set_insecure(true);
  config.set_preprocess_threads(2);
  config.mutable_log()->set_level(config::Log::ERROR);
  for (const std::string& name : options.models) {
    const std::string folder = absl::StrCat(testing::TempDir(), "/", name);
    WriteFakeArtefact(folder);
    config::ServedModel* model = config.add_models();
    model->set_name(name);
    model->set_path(folder);
  }
  if (options.configure) options.configure(&config);
  config::FillDefaults(&config);
  for (const std::string& violation : config::Violations(config)) ADD_FAILURE() << violation;
  return config;
}

server::EngineFactory TestServer::Factory(FakeEngine::Hook hook) {
  return [hook](const server::EngineSource&,
                const ModelSpec& spec) -> absl::StatusOr<std::unique_ptr<Engine>> {
    return std::make_unique<FakeEngine>(spec, [hook](absl::Span<const BatchItem> batch) {
      // The self-test's image.
      const bool self_test = batch[0].image->pixels.data[0] == 51;
      return hook && !self_test ? hook(batch) : absl::OkStatus();
    });
  };
}

TestServer::TestServer(Options options) {
  auto server = server::Server::Start(Config(options), Factory(options.hook));
  if (!server.ok()) {
    ADD_FAILURE() << server.status();
    return;
  }
  server_ = *std::move(server);
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetMaxSendMessageSize(-1);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  channel_ = grpc::CreateCustomChannel(server_->grpc_address(), grpc::InsecureChannelCredentials(),
                                       arguments);
  stub_ = v1::FeatureService::NewStub(channel_);
}

std::string TestServer::Scrape() const { return HttpGet(server_->metrics_address(), "/metrics"); }

double TestServer::Metric(const std::string& series) const {
  for (const absl::string_view line : absl::StrSplit(Scrape(), '\n')) {
    double value = -1;
    if (line.substr(0, line.rfind(' ')) == series &&
        absl::SimpleAtod(line.substr(line.rfind(' ') + 1), &value)) {
      return value;
    }
  }
  return -1;
}

void TestServer::AwaitMetric(const std::string& series, double value) const {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (Metric(series) != value) {
    if (std::chrono::steady_clock::now() > end) {
      ADD_FAILURE() << series << " is " << Metric(series) << ", not " << value << "\n" << Scrape();
      return;
    }
    std::this_thread::yield();
  }
}

v1::Image PixelImage(int height, int width, uint8_t value) {
  v1::Image image;
  v1::Tensor* tensor = image.mutable_tensor();
  tensor->set_data_type(v1::DATA_TYPE_UINT8);
  for (const int side : {height, width, 3}) tensor->add_shape(side);
  tensor->set_data(std::string(static_cast<size_t>(height) * width * 3, static_cast<char>(value)));
  return image;
}

v1::ExtractRequest PixelRequest(uint8_t value) {
  v1::ExtractRequest request;
  *request.add_images() = PixelImage(32, 32, value);
  return request;
}

std::string ReasonOf(const google::rpc::Status& status) {
  for (const auto& any : status.details()) {
    google::rpc::ErrorInfo info;
    if (any.UnpackTo(&info) && info.domain() == "radio.v1") return info.reason();
  }
  return "";
}

std::string ReasonOf(const grpc::Status& status) {
  google::rpc::Status details;
  return details.ParseFromString(status.error_details()) ? ReasonOf(details) : "";
}

float FirstValue(const v1::Tensor& tensor) {
  float value = -1;
  if (tensor.data().size() >= sizeof(value)) {
    std::memcpy(&value, tensor.data().data(), sizeof(value));
  }
  return value;
}

std::string HttpGet(const std::string& address, const std::string& path) {
  const size_t colon = address.rfind(':');
  sockaddr_in target{};
  target.sin_family = AF_INET;
  inet_pton(AF_INET, address.substr(0, colon).c_str(), &target.sin_addr);
  int port = 0;
  if (!absl::SimpleAtoi(address.substr(colon + 1), &port)) return "";
  target.sin_port = htons(static_cast<uint16_t>(port));
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  std::string answer;
  if (connect(fd, reinterpret_cast<sockaddr*>(&target), sizeof(target)) == 0) {
    const std::string request = absl::StrCat("GET ", path, " HTTP/1.0\r\nHost: test\r\n\r\n");
    if (write(fd, request.data(), request.size()) == static_cast<ssize_t>(request.size())) {
      char buffer[4096];
      for (ssize_t n; (n = read(fd, buffer, sizeof(buffer))) > 0;) {
        answer.append(buffer, static_cast<size_t>(n));
      }
    }
  }
  close(fd);
  const size_t body = answer.find("\r\n\r\n");
  return body == std::string::npos ? "" : answer.substr(body + 4);
}

}  // namespace radio
