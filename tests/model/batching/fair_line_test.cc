#include "model/batching/fair_line.h"

#include <gmock/gmock.h>

#include <map>
#include <random>

#include "tests/testing/fake_engine.h"

namespace radio {
namespace {

using testing::ElementsAre;

constexpr absl::Duration kAgeing = absl::Seconds(1);

class FairLineTest : public testing::Test {
 protected:
  // `name` is the image's first pixel, which tells it apart.
  void Add(uint8_t name, ClientId client, double cost = 1, int priority = 0) {
    Task::Work work;
    work.image = TestImage({16, 16}, name);
    work.client = client;
    work.cost = cost;
    work.priority = priority;
    work.cancel = std::make_shared<CancelToken>();
    line_.Add(std::make_unique<Task>(std::move(work), [](const Task::Result&) {}), now_);
  }

  static int NameOf(const Task& task) { return task.work().image.pixels.data[0]; }

  // Names in the order of the line.
  std::vector<int> Names() {
    line_.Age(now_);
    std::vector<int> names;
    for (const auto& [place, task] : line_.line()) names.push_back(NameOf(*task));
    return names;
  }

  std::unique_ptr<Task> Serve() {
    line_.Age(now_);
    line_.AdvanceBy(line_.line().begin()->second->work().cost);
    return line_.Take(line_.line().begin(), true);
  }

  absl::Time now_ = absl::UnixEpoch();
  FairLine line_{kAgeing};
};

TEST_F(FairLineTest, OneClientIsServedInOrderOfArrival) {
  for (const uint8_t name : {1, 2, 3}) Add(name, 7, name == 1 ? 50 : 1);
  EXPECT_THAT(Names(), ElementsAre(1, 2, 3));
}

TEST_F(FairLineTest, PoliteClientComesBeforeTheBacklogOfAGreedyOne) {
  for (int i = 0; i < 50; ++i) Add(i, 1);
  Add(100, 2);
  EXPECT_LE(NameOf(*Serve()), 1);
  EXPECT_EQ(NameOf(*Serve()), 100);
}

TEST_F(FairLineTest, ClientsShareByWorkAndNotByImages) {
  for (int i = 0; i < 40; ++i) Add(1, 1, 4);
  for (int i = 0; i < 160; ++i) Add(2, 2, 1);
  std::map<int, double> served;
  for (int i = 0; i < 100; ++i) {
    const auto task = Serve();
    served[NameOf(*task)] += task->work().cost;
    ASSERT_LE(std::abs(served[1] - served[2]), 4 + 1) << "after " << i;
  }
}

TEST_F(FairLineTest, NewcomersWithoutEndDoNotKeepAnImageWaiting) {
  for (int i = 0; i < 5; ++i) Add(1, 1);
  Serve();
  int waited = 0;
  for (ClientId fresh = 10; waited < 1000; ++fresh, ++waited) {
    // Two new clients for each that is served.
    Add(2, 2 * fresh);
    Add(2, 2 * fresh + 1);
    if (NameOf(*Serve()) == 1) break;
  }
  EXPECT_LT(waited, 20);
}

TEST_F(FairLineTest, SentOneByOneIsNoWayAround) {
  for (int i = 0; i < 100; ++i) Add(1, 1);
  int backlog = 0;
  Add(2, 2);
  for (int i = 0; i < 60; ++i) {
    if (NameOf(*Serve()) == 1) {
      ++backlog;
    } else {
      Add(2, 2);
    }
  }
  EXPECT_NEAR(backlog, 30, 1);
}

TEST_F(FairLineTest, GreaterPriorityNumbersGiveWayUntilTheyHaveAged) {
  Add(3, 1, 1, 2);
  Add(1, 1, 1, 1);
  now_ += kAgeing / 2;
  Add(0, 2, 1, 0);
  EXPECT_THAT(Names(), ElementsAre(0, 1, 3));
  now_ += kAgeing / 2;
  EXPECT_THAT(Names(), ElementsAre(0, 1, 3));
  now_ += kAgeing;
  // All count as 0 now; the oldest of client 1 comes first.
  Add(4, 3, 1, 0);
  EXPECT_EQ(Names().back(), 1) << "its client's second";
}

TEST_F(FairLineTest, WorkThatWasDroppedIsNotCharged) {
  for (int i = 0; i < 20; ++i) Add(1, 1, 10);
  Add(2, 2, 10);
  for (int dropped = 0; dropped < 19; ++dropped) {
    auto at = line_.line().begin();
    while (NameOf(*at->second) != 1) ++at;
    line_.Take(at, false);
  }
  Add(3, 1, 10);
  EXPECT_THAT(Names(), ElementsAre(2, 3, 1)) << "as if the 19 had never come";
}

TEST_F(FairLineTest, ForgetsClientsThatLeft) {
  Add(0, 0, 1);
  for (int i = 1; i < 10000; ++i) {
    Add(0, i, 1);
    Serve();
  }
  EXPECT_LT(line_.clients(), 200u);
  Serve();
  EXPECT_EQ(line_.clients(), 0u);
}

}  // namespace
}  // namespace radio
