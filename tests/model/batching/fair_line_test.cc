#include "model/batching/fair_line.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <random>

#include "tests/testing/fake_engine.h"

namespace radio {
namespace {

using testing::ElementsAre;

using Turn = FairLine::Turn;
constexpr uint64_t kPart = 0;
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
    for (const auto& [place, waiting] : Part().line) names.push_back(NameOf(*waiting.task));
    return names;
  }

  std::unique_ptr<Task> Serve() {
    line_.Age(now_);
    line_.AdvanceBy(Part().first().work().cost, Part().place());
    return std::move(line_.Take(kPart, {Turn::kServe}).served[0]);
  }

  // Sizes mix, so there is one.
  const FairLine::Part& Part() const { return line_.parts().at(kPart); }

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
  std::vector<Turn> turns;
  for (const int name : Names()) turns.push_back(name == 1 ? Turn::kDrop : Turn::kWait);
  *std::find(turns.rbegin(), turns.rend(), Turn::kDrop) = Turn::kWait;
  EXPECT_EQ(line_.Take(kPart, turns).dropped.size(), 19u);
  Add(3, 1, 10);
  EXPECT_THAT(Names(), ElementsAre(2, 3, 1)) << "as if the 19 had never come";
}

TEST_F(FairLineTest, TakesWhoHasATurnAndLeavesTheOthersInOrder) {
  for (int i = 0; i < 100; ++i) Add(i, i % 7);
  const std::vector<int> before = Names();
  std::vector<Turn> turns;
  for (int i = 0; i < 90; ++i) turns.push_back(static_cast<Turn>(i * 5 % 3));
  const FairLine::Taken taken = line_.Take(kPart, turns);
  std::vector<int> served;
  std::vector<int> dropped;
  for (const auto& task : taken.served) served.push_back(NameOf(*task));
  for (const auto& task : taken.dropped) dropped.push_back(NameOf(*task));
  std::vector<int> expected[3];
  for (size_t i = 0; i < before.size(); ++i) {
    expected[i < turns.size() ? static_cast<int>(turns[i]) : 0].push_back(before[i]);
  }
  EXPECT_EQ(Names(), expected[static_cast<int>(Turn::kWait)]);
  EXPECT_EQ(served, expected[static_cast<int>(Turn::kServe)]);
  EXPECT_EQ(dropped, expected[static_cast<int>(Turn::kDrop)]);
}

TEST_F(FairLineTest, WhereSizesDoNotMixEachHasAPartOfTheLineAndItsSums) {
  FairLine line(kAgeing, false);
  const auto add = [&](Size size) {
    Task::Work work;
    work.image = TestImage(size);
    work.cost = size.height;
    work.bytes = 10;
    work.priority = 1;
    work.cancel = std::make_shared<CancelToken>();
    line.Add(std::make_unique<Task>(std::move(work), [](const Task::Result&) {}), now_);
  };
  for (const Size size : {Size{16, 32}, Size{32, 16}, Size{16, 32}}) add(size);
  ASSERT_EQ(line.parts().size(), 2u);
  const auto of_height = [&](int height) {
    return std::find_if(line.parts().begin(), line.parts().end(), [&](const auto& entry) {
      return entry.second.first().work().image.size.height == height;
    });
  };
  const uint64_t key = of_height(16)->first;
  const FairLine::Part& part = of_height(16)->second;
  EXPECT_EQ(part.images(), 2);
  EXPECT_EQ(part.cost, 32);
  EXPECT_EQ(part.bytes, 20);
  EXPECT_TRUE(part.place() < of_height(32)->second.place()) << "it came before";

  line.Take(key, {Turn::kServe});
  EXPECT_EQ(part.cost, 16);
  EXPECT_EQ(part.bytes, 10);
  EXPECT_TRUE(of_height(32)->second.place() < part.place());
  line.Take(key, {Turn::kDrop});
  ASSERT_EQ(line.parts().size(), 1u);
  now_ += kAgeing;
  line.Age(now_);
  EXPECT_EQ(of_height(32)->second.place().priority, 0) << "the others that were to age are gone";
  line.Take(of_height(32)->first, {Turn::kServe});
  EXPECT_TRUE(line.empty());
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
