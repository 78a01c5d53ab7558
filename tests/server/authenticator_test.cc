#include "server/authenticator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace radio::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// How calls are checked: tests/integration/security_test.cc.

TEST(AuthenticatorTest, TokensAreLinesWithoutBlanksAndComments) {
  EXPECT_THAT(Authenticator::ParseTokens("# for the batch job\n one \r\n\n\ttwo\nthree"),
              ElementsAre("one", "two", "three"));
  EXPECT_THAT(Authenticator::ParseTokens("# none\n\n"), IsEmpty());
}

}  // namespace
}  // namespace radio::server
