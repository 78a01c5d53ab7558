#include "server/caller.h"

#include <gmock/gmock.h>

namespace radio::server {
namespace {

TEST(CallerTest, AddressesAreComparedWithoutTheirPorts) {
  EXPECT_EQ(WithoutPort("ipv4:10.0.0.1:5000"), "ipv4:10.0.0.1");
  EXPECT_EQ(WithoutPort("ipv6:%5B::1%5D:5000"), "ipv6:%5B::1%5D");
  EXPECT_EQ(WithoutPort("unix:/run/radio.sock"), "unix:/run/radio.sock");
  EXPECT_EQ(WithoutPort(""), "");
}

}  // namespace
}  // namespace radio::server
