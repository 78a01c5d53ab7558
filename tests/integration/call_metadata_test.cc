// A call's identity, in its metadata and in the log. (The load report is tested behind Envoy, in
// tests/deploy: gRPC's client keeps that trailer to itself.)
#include <gmock/gmock.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "model/errors.h"
#include "server/call_identity.h"
#include "tests/testing/test_server.h"

namespace radio {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

using Metadata = std::multimap<grpc::string_ref, grpc::string_ref>;

constexpr char kTraceparent[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

std::string Find(const Metadata& metadata, const std::string& name) {
  const auto found = metadata.find(name);
  return found == metadata.end() ? "" : std::string(found->second.data(), found->second.size());
}

// One call of Extract.
struct Call {
  Call(TestServer* server, const v1::ExtractRequest& request,
       const std::map<std::string, std::string>& metadata = {}) {
    for (const auto& [name, value] : metadata) context.AddMetadata(name, value);
    status = server->stub().Extract(&context, request, &response);
  }
  std::string Trailing(const std::string& name) const {
    return Find(context.GetServerTrailingMetadata(), name);
  }

  grpc::ClientContext context;
  v1::ExtractResponse response;
  grpc::Status status;
};

v1::ExtractRequest UnknownModel() {
  v1::ExtractRequest request = PixelRequest(1);
  request.set_model("nonesuch");
  return request;
}

TEST(CallIdentityTest, TheCallersIdComesBackWhateverBecomesOfTheCall) {
  TestServer server;
  for (const v1::ExtractRequest& request : {PixelRequest(1), UnknownModel()}) {
    const Call call(&server, request, {{"x-request-id", "job-7/42"}});
    EXPECT_EQ(call.Trailing("x-request-id"), "job-7/42") << call.status.error_message();
  }
}

TEST(CallIdentityTest, WhoBringsNoneOrABadOneGetsANewOne) {
  TestServer server;
  std::set<std::string> ids;
  for (const std::string& id : {std::string(), std::string("two words"), std::string(129, 'x')}) {
    std::map<std::string, std::string> metadata;
    if (!id.empty()) metadata["x-request-id"] = id;
    const Call call(&server, PixelRequest(1), metadata);
    EXPECT_THAT(call.Trailing("x-request-id"), SizeIs(32));
    ids.insert(call.Trailing("x-request-id"));
  }
  EXPECT_THAT(ids, SizeIs(3));
}

TEST(CallIdentityTest, TheTraceGoesOnWithASpanOfTheCallsOwn) {
  TestServer server;
  const Call call(&server, PixelRequest(1), {{"traceparent", kTraceparent}});
  const auto sent = server::ParseTraceparent(kTraceparent);
  const auto got = server::ParseTraceparent(call.Trailing("traceparent"));
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(got->trace_id, sent->trace_id);
  EXPECT_NE(got->span_id, sent->span_id);
  EXPECT_EQ(got->flags, "01");
  EXPECT_EQ(Call(&server, PixelRequest(1), {{"traceparent", "nonsense"}}).Trailing("traceparent"),
            "");
}

TEST(CallIdentityTest, StreamsAndMetadataCallsHaveOneToo) {
  TestServer server;
  grpc::ClientContext stream_context;
  stream_context.AddMetadata("x-request-id", "stream-1");
  const auto stream = server.stub().ExtractStream(&stream_context);
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(Find(stream_context.GetServerTrailingMetadata(), "x-request-id"), "stream-1");
  grpc::ClientContext context;
  context.AddMetadata("x-request-id", "list-1");
  v1::ListModelsResponse response;
  EXPECT_TRUE(server.stub().ListModels(&context, {}, &response).ok());
  EXPECT_EQ(Find(context.GetServerTrailingMetadata(), "x-request-id"), "list-1");
}

// What a server with these log settings writes while `use` uses it.
std::vector<std::string> LinesOf(const std::function<void(config::Log*)>& settings,
                                 const std::function<void(TestServer*)>& use) {
  testing::internal::CaptureStderr();
  {
    TestServer::Options options;
    options.configure = [&](config::ServerConfig* config) {
      config->mutable_log()->set_level(config::Log::INFO);
      settings(config->mutable_log());
    };
    TestServer server(options);
    use(&server);
  }
  std::vector<std::string> calls;
  const std::string text = testing::internal::GetCapturedStderr();
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    if (absl::StrContains(line, "\"method\":")) calls.emplace_back(line);
  }
  return calls;
}

void ExpectJson(const std::string& line) {
  google::protobuf::Struct json;
  EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(line, &json).ok()) << line;
}

TEST(CallLogTest, AFailedCallsLineCarriesItsIdentity) {
  std::string span;
  const auto lines = LinesOf(
      [](config::Log*) {},
      [&](TestServer* server) {
        const Call call(server, UnknownModel(),
                        {{"x-request-id", "quote\"back\\slash"}, {"traceparent", kTraceparent}});
        span = server::ParseTraceparent(call.Trailing("traceparent"))->span_id;
        Call(server, PixelRequest(1), {{"x-request-id", "fine"}});
      });
  ASSERT_THAT(lines, SizeIs(1));
  ExpectJson(lines[0]);
  EXPECT_THAT(lines[0], HasSubstr(R"("request_id":"quote\"back\\slash")"));
  EXPECT_THAT(lines[0], HasSubstr(R"("trace_id":"4bf92f3577b34da6a3ce929d0e0e4736")"));
  EXPECT_THAT(lines[0], HasSubstr("\"span_id\":\"" + span + "\""));
  EXPECT_THAT(lines[0], HasSubstr(R"("reason":"MODEL_NOT_FOUND")"));
}

TEST(CallLogTest, OfCallsThatAreFineOneInSoManyHasALine) {
  const auto lines = LinesOf([](config::Log* log) { log->set_sample_every(3); },
                             [](TestServer* server) {
                               for (int i = 0; i < 7; ++i) Call(server, PixelRequest(1));
                             });
  ASSERT_THAT(lines, SizeIs(2));
  for (const std::string& line : lines) {
    ExpectJson(line);
    EXPECT_THAT(line, HasSubstr(R"("event":"call",)"));
  }
}

TEST(CallLogTest, HostileBytesGiveJsonAndNoImage) {
  const auto lines =
      LinesOf([](config::Log*) {},
              [](TestServer* server) {
                for (int i = 0; i < 50; ++i) {
                  v1::ExtractRequest request = PixelRequest(1);
                  request.set_model(std::string("m\"\\\n\t\x01") + "\u2028" + std::string(i, '{'));
                  Call call(server, request);
                  v1::ExtractRequest image;
                  image.add_images()->set_encoded("\xff\xd8\xff image-bytes \"\\\n");
                  Call(server, image);
                }
              });
  EXPECT_THAT(lines, SizeIs(100));
  for (const std::string& line : lines) {
    ExpectJson(line);
    EXPECT_THAT(line, Not(HasSubstr("image-bytes")));
  }
}

// Envoy repeats a refused call elsewhere only when its code comes with the first headers, and gRPC
// puts it there only when there is no initial metadata.
TEST(CallMetadataTest, NothingGoesAheadOfARefusal) {
  TestServer server;
  const Call call(&server, UnknownModel(), {{"x-request-id", "7"}, {"traceparent", kTraceparent}});
  EXPECT_FALSE(call.status.ok());
  EXPECT_TRUE(call.context.GetServerInitialMetadata().empty());
}

}  // namespace
}  // namespace radio
