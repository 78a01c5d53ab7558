// A whole server in this process, on free ports, with fake engines.
#ifndef RADIO_TESTS_TESTING_TEST_SERVER_H_
#define RADIO_TESTS_TESTING_TEST_SERVER_H_

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "config/server_config.pb.h"
#include "radio/v1/feature_service.grpc.pb.h"
#include "server/server.h"
#include "tests/testing/fake_engine.h"

namespace radio {

class TestServer {
 public:
  struct Options {
    std::vector<std::string> models = {"m"};
    // Changes the configuration before the start.
    std::function<void(config::ServerConfig*)> configure;
    // Called before every run of every engine, but for the self-test.
    FakeEngine::Hook hook;
  };

  // Fails the test when the server does not start.
  TestServer() : TestServer(Options()) {}
  explicit TestServer(Options options);

  // The configuration of such a server; writes its models' folders.
  static config::ServerConfig Config(const Options& options);
  // Makes the fake engines.
  static server::EngineFactory Factory(FakeEngine::Hook hook);

  server::Server& server() { return *server_; }
  v1::FeatureService::Stub& stub() { return *stub_; }
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

  // The page that Prometheus would get.
  std::string Scrape() const;
  // The value of one series, as "name{label=\"value\"}"; -1 when there is none.
  double Metric(const std::string& series) const;
  // Waits until a series has a value: metrics of a call are complete a moment after the call.
  void AwaitMetric(const std::string& series, double value) const;

 private:
  std::unique_ptr<server::Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::FeatureService::Stub> stub_;
};

// An image of `height` x `width` whose every byte is `value`.
v1::Image PixelImage(int height, int width, uint8_t value);
// A request for such an image of 32 x 32.
v1::ExtractRequest PixelRequest(uint8_t value);

// The ErrorInfo reason of an image's or of a call's error; empty when there is none.
std::string ReasonOf(const google::rpc::Status& status);
std::string ReasonOf(const grpc::Status& status);
// The first value of an output's tensor of float32.
float FirstValue(const v1::Tensor& tensor);

// The body of http://ADDRESS/PATH.
std::string HttpGet(const std::string& address, const std::string& path);

}  // namespace radio

#endif  // RADIO_TESTS_TESTING_TEST_SERVER_H_
