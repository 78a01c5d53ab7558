#include "model/base/thread_pool.h"

#include <gmock/gmock.h>

#include <atomic>
#include <set>

namespace radio {
namespace {

TEST(ThreadPoolTest, RunsEverythingBeforeItIsGone) {
  std::atomic<int> done{0};
  {
    ThreadPool pool("test", 3);
    for (int i = 0; i < 1000; ++i) pool.Schedule([&] { ++done; });
  }
  EXPECT_EQ(done, 1000);
}

TEST(ThreadPoolTest, OneThreadKeepsTheOrder) {
  std::vector<int> order;
  {
    ThreadPool pool("test", 1);
    for (int i = 0; i < 100; ++i) pool.Schedule([&order, i] { order.push_back(i); });
  }
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[i], i);
}

TEST(ThreadPoolTest, WorkMayScheduleWork) {
  std::atomic<int> done{0};
  {
    ThreadPool pool("test", 1);
    pool.Schedule([&] { pool.Schedule([&] { ++done; }); });
  }
  EXPECT_EQ(done, 1);
}

}  // namespace
}  // namespace radio
