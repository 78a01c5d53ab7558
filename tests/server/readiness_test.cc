#include "server/readiness.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace radio::server {
namespace {

using ::testing::ElementsAre;

class ReadinessTest : public testing::Test {
 protected:
  void Say(const std::string& word) {
    readiness_.Say([&] { said_.push_back(word); });
  }
  bool Stop(const std::string& word) {
    return readiness_.Stop([&] { said_.push_back(word); });
  }

  Readiness readiness_;
  std::vector<std::string> said_;
};

TEST_F(ReadinessTest, AModelThatIsLoadedAfterTheWatchdogGaveUpIsNotCalledReady) {
  Say("m is ready");
  EXPECT_TRUE(Stop("the device failed"));
  Say("n is ready");
  EXPECT_THAT(said_, ElementsAre("m is ready", "the device failed"));
}

TEST_F(ReadinessTest, ItStopsOnce) {
  EXPECT_TRUE(Stop("the device failed"));
  EXPECT_FALSE(Stop("draining"));
  EXPECT_THAT(said_, ElementsAre("the device failed"));
}

TEST_F(ReadinessTest, StoppingHasTheLastWordOverWhatIsBeingSaid) {
  std::thread watchdog;
  readiness_.Say([&] {
    watchdog = std::thread([&] { Stop("the device failed"); });
    // Long enough for a Stop that did not wait to be first.
    for (int i = 0; i < 1000; ++i) std::this_thread::yield();
    said_.push_back("ready");
  });
  watchdog.join();
  EXPECT_THAT(said_, ElementsAre("ready", "the device failed"));
}

}  // namespace
}  // namespace radio::server
