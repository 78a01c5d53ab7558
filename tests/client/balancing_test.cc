// One client over several servers, as behind a headless Service.
#include <gmock/gmock.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "client/feature_client.h"
#include "tests/testing/fake_feature_service.h"

namespace radio::client {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class BalancingTest : public ::testing::Test {
 protected:
  BalancingTest() {
    const auto address = [](std::string* out, const FakeServer& s) { out->append(s.address()); };
    options_.server = absl::StrCat("ipv4:", absl::StrJoin(servers_, ",", address));
    options_.retry.initial_backoff = absl::Milliseconds(1);
  }

  std::vector<int> Calls() const {
    std::vector<int> calls;
    for (const FakeServer& server : servers_) calls.push_back(server.service().record().calls);
    return calls;
  }

  // A client that is connected to all servers.
  std::unique_ptr<FeatureClient> Connect() {
    auto client = FeatureClient::Connect(options_);
    EXPECT_TRUE(client.ok()) << client.status();
    const absl::Time end = absl::Now() + absl::Seconds(30);
    for (std::vector<int> calls = Calls(); *std::min_element(calls.begin(), calls.end()) == 0;
         calls = Calls()) {
      EXPECT_TRUE((*client)->ListModels().ok());
      if (absl::Now() > end) {
        ADD_FAILURE() << "calls: " << absl::StrJoin(calls, ", ");
        break;
      }
    }
    return *std::move(client);
  }

  FakeServer servers_[3];
  ClientOptions options_;
};

TEST_F(BalancingTest, ServersTakeTurns) {
  const auto client = Connect();
  const std::vector<int> before = Calls();
  for (int i = 0; i < 30; ++i) EXPECT_TRUE(client->ListModels().ok());
  const std::vector<int> after = Calls();
  EXPECT_THAT(after, ElementsAre(before[0] + 10, before[1] + 10, before[2] + 10));
}

TEST_F(BalancingTest, CallsOfAServerThatGoesAreRepeatedOnAnother) {
  const auto client = Connect();
  servers_[1].Stop();
  for (int i = 0; i < 30; ++i) {
    const auto models = client->ListModels();
    EXPECT_TRUE(models.ok()) << models.status();
  }
}

TEST_F(BalancingTest, EveryServerOfAListGetsTheToken) {
  options_.token = "secret";
  const auto client = Connect();
  for (const FakeServer& server : servers_) {
    EXPECT_THAT(server.service().record().authorizations, Each("Bearer secret"));
  }
}

TEST(TokenTest, GoesToNoListThatHoldsAnotherMachine) {
  ClientOptions options;
  options.token = "secret";
  for (const char* server :
       {"ipv4:127.0.0.1:50051,10.1.2.3:50051", "ipv4:10.1.2.3:50051,127.0.0.1:50051",
        "ipv6:[::1]:50051,[2001:db8::1]:50051", "unix.example.com:50051", "10.1.2.3:50051",
        "localhost.example.com:50051", "dns://10.1.2.3/localhost:50051",
        "xds:///localhost:50051"}) {
    options.server = server;
    const absl::Status status = FeatureClient::Connect(options).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << server;
    EXPECT_THAT(std::string(status.message()), HasSubstr("in the clear")) << server;
  }
  for (const char* server : {"ipv4:127.0.0.1:50051,127.0.0.1:50052", "localhost:50051",
                             "dns:///localhost:50051", "ipv6:[::1]:50051", "unix:/run/radio"}) {
    options.server = server;
    EXPECT_TRUE(FeatureClient::Connect(options).ok()) << server;
  }
}

}  // namespace
}  // namespace radio::client
