// /metrics of a server that is used and abused.
#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/substitute.h"
#include "model/errors.h"
#include "server/metric_table.h"
#include "tests/testing/test_server.h"

namespace radio {
namespace {

using ::testing::HasSubstr;

std::set<std::string> SeriesOf(const std::string& text) {
  std::set<std::string> series;
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    if (line[0] != '#') series.insert(std::string(line.substr(0, line.rfind(' '))));
  }
  return series;
}

std::set<std::string> FamiliesOf(const std::string& text) {
  std::set<std::string> families;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    if (absl::StartsWith(line, "# TYPE ")) {
      families.insert(std::vector<std::string>(absl::StrSplit(line, ' '))[2]);
    }
  }
  return families;
}

void Call(TestServer* server, const v1::ExtractRequest& request) {
  grpc::ClientContext context;
  v1::ExtractResponse response;
  server->stub().Extract(&context, request, &response);
}

v1::ExtractRequest Hostile(int i) {
  v1::ExtractRequest request = PixelRequest(1);
  if (i % 2 == 0) request.set_model(absl::StrCat("hostile-", i));
  if (i % 3 == 0) request.add_outputs()->set_adaptor(absl::StrCat("x", i));
  if (i % 5 == 0) request.clear_images();
  return request;
}

TEST(MetricsEndToEndTest, EveryMetricOfTheTableIsExposedAndNothingForeign) {
  TestServer server;
  const std::set<std::string> families = FamiliesOf(server.Scrape());
  std::set<std::string> expected;
  for (const server::MetricInfo& info : server::AllMetrics()) {
    expected.insert(std::string(info.name));
  }
  EXPECT_EQ(families, expected);
}

TEST(MetricsEndToEndTest, TheDevicesMemoryIsTheEngines) {
  TestServer server;
  EXPECT_EQ(server.Metric("radio_device_memory_allocated_bytes{model=\"m\"}"), 1000);
  EXPECT_EQ(server.Metric("radio_device_memory_reserved_bytes{model=\"m\"}"), 2000);
}

TEST(MetricsEndToEndTest, HostileRequestsAddNoSeries) {
  TestServer server;
  Call(&server, PixelRequest(1));
  server.Scrape();
  const std::set<std::string> before = SeriesOf(server.Scrape());
  for (int i = 0; i < 100; ++i) Call(&server, Hostile(i));
  EXPECT_EQ(SeriesOf(server.Scrape()), before);
}

TEST(MetricsEndToEndTest, EveryImageReceivedEndsInExactlyOneOutcome) {
  TestServer::Options options;
  options.configure = [](config::ServerConfig* config) {
    config->set_max_images_per_request(8);
    config->set_max_inflight_items(8);
  };
  options.hook = [](absl::Span<const BatchItem> batch) {
    for (const BatchItem& item : batch) {
      if (item.image->pixels.data[0] == 13) {
        return MakeError(Reason::kInferenceFailed, "poisoned");
      }
    }
    return absl::OkStatus();
  };
  TestServer server(options);
  for (int i = 0; i < 60; ++i) {
    v1::ExtractRequest request;
    for (int k = 0; k <= i % 8; ++k) {
      *request.add_images() = PixelImage(k == 3 ? 33 : 32, 32, k == 2 ? 13 : 40);
    }
    grpc::ClientContext context;
    if (i % 7 == 0) context.TryCancel();
    v1::ExtractResponse response;
    server.stub().Extract(&context, request, &response);
  }
  server.AwaitMetric("radio_inflight_items", 0);
  server.AwaitMetric("radio_requests_in_flight{method=\"Extract\"}", 0);
  double finished = 0;
  for (const std::string& outcome : server::LabelValues("outcome")) {
    finished +=
        server.Metric(absl::StrCat("radio_images_total{model=\"m\",outcome=\"", outcome, "\"}"));
  }
  EXPECT_GT(finished, 100);
  EXPECT_EQ(server.Metric("radio_images_received_total{model=\"m\"}"), finished);
  EXPECT_GT(server.Metric("radio_images_total{model=\"m\",outcome=\"failed\"}"), 0);
  EXPECT_GT(server.Metric("radio_images_total{model=\"m\",outcome=\"invalid\"}"), 0);
  EXPECT_GT(server.Metric("radio_images_total{model=\"m\",outcome=\"ok\"}"), 0);
}

// A call of Extract that never sends its message, begun when this is constructed.
class CallWithoutMessage {
 public:
  explicit CallWithoutMessage(TestServer* server)
      : stub_(server->channel()),
        call_(stub_.PrepareCall(&context_, "/radio.v1.FeatureService/Extract", &queue_)) {
    call_->StartCall(nullptr);
    Await();
  }
  grpc::Status Cancel() {
    context_.TryCancel();
    return Finish();
  }
  grpc::Status HalfClose() {
    call_->WritesDone(nullptr);
    Await();
    return Finish();
  }

 private:
  void Await() {
    void* tag = nullptr;
    bool ok = false;
    ASSERT_TRUE(queue_.Next(&tag, &ok));
  }
  grpc::Status Finish() {
    grpc::Status status;
    call_->Finish(&status, nullptr);
    Await();
    return status;
  }

  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  const std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
};

TEST(MetricsEndToEndTest, ACallerThatLeavesBeforeItsMessageMadeNoMistake) {
  TestServer server;
  const std::string calls =
      "radio_requests_total{grpc_code=\"$0\",method=\"Extract\",model=\"other\"}";
  const std::string refused = "radio_rejected_total{model=\"other\",reason=\"REQUEST_INVALID\"}";
  EXPECT_EQ(CallWithoutMessage(&server).Cancel().error_code(), grpc::StatusCode::CANCELLED);
  server.AwaitMetric(absl::Substitute(calls, "CANCELLED"), 1);
  EXPECT_EQ(server.Metric(absl::Substitute(calls, "INVALID_ARGUMENT")), 0);
  EXPECT_EQ(server.Metric(refused), 0);

  EXPECT_EQ(CallWithoutMessage(&server).HalfClose().error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  server.AwaitMetric(absl::Substitute(calls, "INVALID_ARGUMENT"), 1);
  EXPECT_EQ(server.Metric(refused), 1);
}

TEST(MetricsEndToEndTest, ModelAndBuildSayWhatIsServed) {
  TestServer server;
  const std::string text = server.Scrape();
  EXPECT_THAT(text, HasSubstr("radio_model_info{model=\"m\",version=\"radio_test\","
                              "architecture=\"vit_test\",precision=\"float32\",device=\"cpu\","));
  EXPECT_THAT(text, HasSubstr("radio_model_ready{model=\"m\"} 1"));
  EXPECT_THAT(text, HasSubstr("radio_build_info{version=\""));
  EXPECT_THAT(text, HasSubstr("radio_draining 0"));
}

}  // namespace
}  // namespace radio
