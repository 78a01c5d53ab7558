#include "server/caller.h"

#include <gmock/gmock.h>
#include <grpcpp/test/server_context_test_spouse.h>

namespace radio::server {
namespace {

TEST(CallerTest, AddressesAreComparedWithoutTheirPorts) {
  EXPECT_EQ(WithoutPort("ipv4:10.0.0.1:5000"), "ipv4:10.0.0.1");
  EXPECT_EQ(WithoutPort("ipv6:%5B::1%5D:5000"), "ipv6:%5B::1%5D");
  EXPECT_EQ(WithoutPort("unix:/run/radio.sock"), "unix:/run/radio.sock");
  EXPECT_EQ(WithoutPort(""), "");
}

int PriorityWith(const std::string& value) {
  grpc::ServerContext context;
  // Keeps the metadata.
  grpc::testing::ServerContextTestSpouse spouse(&context);
  spouse.AddClientMetadata("radio-priority", value);
  return PriorityOf(context);
}

TEST(CallerTest, CallsCanGiveWayButNotPushAhead) {
  EXPECT_EQ(PriorityOf(grpc::ServerContext()), 0);
  EXPECT_EQ(PriorityWith("0"), 0);
  EXPECT_EQ(PriorityWith("1"), 1);
  EXPECT_EQ(PriorityWith("3"), 3);
  for (const char* odd : {"4", "-1", "", "33", "first"}) EXPECT_EQ(PriorityWith(odd), 0) << odd;
}

}  // namespace
}  // namespace radio::server
