// ExtractStream, end to end in one process.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "tests/testing/gate.h"
#include "tests/testing/test_server.h"

namespace radio {
namespace {

using ::testing::UnorderedElementsAre;

v1::ExtractStreamRequest Item(const std::string& id, uint8_t value) {
  v1::ExtractStreamRequest request;
  request.set_id(id);
  *request.mutable_image() = PixelImage(32, 32, value);
  return request;
}

class StreamTest : public testing::Test {
 protected:
  StreamTest() {
    options_.hook = [this](absl::Span<const BatchItem>) {
      gate_.Pass();
      return absl::OkStatus();
    };
  }

  TestServer::Options options_;
  Gate gate_;
};

TEST_F(StreamTest, EachImageIsAnsweredUnderItsIdAndHalfClosingEndsWithOk) {
  TestServer server(options_);
  grpc::ClientContext context;
  const auto stream = server.stub().ExtractStream(&context);
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(stream->Write(Item(absl::StrCat(i), i + 60)));
  stream->WritesDone();
  std::map<std::string, float> answers;
  v1::ExtractStreamResponse response;
  while (stream->Read(&response)) {
    EXPECT_EQ(response.result().status().code(), 0);
    answers[response.id()] = FirstValue(response.result().outputs(0).summary());
  }
  EXPECT_TRUE(stream->Finish().ok());
  ASSERT_EQ(answers.size(), 50u);
  for (int i = 0; i < 50; ++i) EXPECT_FLOAT_EQ(answers[absl::StrCat(i)], (i + 60) / 255.0f);
  server.AwaitMetric("radio_inflight_items", 0);
}

TEST_F(StreamTest, AFailedItemNeverEndsTheStream) {
  TestServer server(options_);
  grpc::ClientContext context;
  const auto stream = server.stub().ExtractStream(&context);
  v1::ExtractStreamRequest empty;
  empty.set_id("empty");
  v1::ExtractStreamRequest model = Item("model", 1);
  model.set_model("nonesuch");
  v1::ExtractStreamRequest output = Item("output", 1);
  output.add_outputs();
  v1::ExtractStreamRequest noise = Item("noise", 1);
  noise.mutable_image()->set_encoded("no picture");
  for (const auto& request : {empty, model, output, noise, Item("good", 7)}) {
    ASSERT_TRUE(stream->Write(request));
  }
  stream->WritesDone();
  std::map<std::string, std::string> reasons;
  v1::ExtractStreamResponse response;
  while (stream->Read(&response)) reasons[response.id()] = ReasonOf(response.result().status());
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_THAT(reasons,
              UnorderedElementsAre(std::pair("empty", "REQUEST_INVALID"),
                                   std::pair("model", "MODEL_NOT_FOUND"),
                                   std::pair("output", "REQUEST_INVALID"),
                                   std::pair("noise", "IMAGE_UNDECODABLE"), std::pair("good", "")));
}

TEST_F(StreamTest, AnEmptyStreamEndsWithOk) {
  TestServer server(options_);
  grpc::ClientContext context;
  const auto stream = server.stub().ExtractStream(&context);
  stream->WritesDone();
  v1::ExtractStreamResponse response;
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(StreamTest, NoMoreImagesAreTakenInThanMayBeInWork) {
  options_.configure = [](config::ServerConfig* config) {
    config->set_max_inflight_items_per_stream(3);
  };
  TestServer server(options_);
  gate_.Close();
  grpc::ClientContext context;
  const auto stream = server.stub().ExtractStream(&context);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(stream->Write(Item(absl::StrCat(i), 1)));
  stream->WritesDone();
  gate_.AwaitWaiting(1);
  server.AwaitMetric("radio_inflight_items", 3);
  EXPECT_EQ(server.Metric("radio_images_received_total{model=\"m\"}"), 3);
  gate_.Open();
  int answers = 0;
  v1::ExtractStreamResponse response;
  while (stream->Read(&response)) ++answers;
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(answers, 10);
}

TEST_F(StreamTest, AClientThatLeavesCostsNothingMore) {
  TestServer server(options_);
  gate_.Close();
  {
    grpc::ClientContext context;
    const auto stream = server.stub().ExtractStream(&context);
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(stream->Write(Item("x", 1)));
    server.AwaitMetric("radio_inflight_items", 5);
    context.TryCancel();
    EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  }
  gate_.Open();
  server.AwaitMetric("radio_inflight_items", 0);
  server.AwaitMetric("radio_requests_in_flight{method=\"ExtractStream\"}", 0);
}

TEST_F(StreamTest, DrainingAnswersWhatWasReadAndEndsTheStream) {
  TestServer server(options_);
  gate_.Close();
  grpc::ClientContext context;
  const auto stream = server.stub().ExtractStream(&context);
  for (const char* id : {"a", "b"}) ASSERT_TRUE(stream->Write(Item(id, 1)));
  server.AwaitMetric("radio_inflight_items", 2);
  std::future<bool> drained =
      std::async(std::launch::async, [&] { return server.server().Shutdown(); });
  server.AwaitMetric("radio_draining", 1);
  gate_.Open();
  std::set<std::string> ids;
  v1::ExtractStreamResponse response;
  while (stream->Read(&response)) ids.insert(response.id());
  EXPECT_THAT(ids, UnorderedElementsAre("a", "b"));
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ReasonOf(status), "SERVER_DRAINING");
  EXPECT_TRUE(drained.get());
}

TEST_F(StreamTest, AnIdleStreamDoesNotHoldUpTheDrain) {
  TestServer server(options_);
  grpc::ClientContext context;
  const auto stream = server.stub().ExtractStream(&context);
  ASSERT_TRUE(stream->Write(Item("a", 1)));
  v1::ExtractStreamResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_TRUE(server.server().Shutdown());
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(ReasonOf(stream->Finish()), "SERVER_DRAINING");
}

}  // namespace
}  // namespace radio
