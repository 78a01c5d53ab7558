#include "model/admission.h"

#include <gmock/gmock.h>

#include <map>
#include <vector>

#include "model/errors.h"

namespace radio {
namespace {

Admission::Options SmallOptions() {
  Admission::Options options;
  options.max_items = 10;
  options.max_bytes = 1000;
  options.max_queue_delay = absl::Seconds(1);
  options.short_queue_items = 0;
  options.client_share = 1;
  return options;
}

Admission::Demand Demand(int items, int64_t bytes = 1, double cost = 1, ClientId client = 1) {
  Admission::Demand demand;
  demand.client = client;
  demand.items = items;
  demand.bytes = bytes;
  demand.cost = cost;
  return demand;
}

class AdmissionTest : public testing::Test {
 protected:
  // 100 token equivalents take a second.
  AdmissionTest() { load_.RecordBatch(100, absl::Seconds(1)); }

  std::optional<Reason> Refusal(const Admission::Demand& demand) {
    return ReasonOf(admission_.Admit(load_, demand).status());
  }

  ModelLoad load_;
  Admission admission_{SmallOptions()};
};

TEST_F(AdmissionTest, PermitIsGivenBackOnDestruction) {
  {
    const auto permit = admission_.Admit(load_, Demand(3, 500));
    ASSERT_TRUE(permit.ok());
    EXPECT_EQ(admission_.items(), 3);
    EXPECT_EQ(admission_.bytes(), 500);
  }
  EXPECT_EQ(admission_.items(), 0);
  EXPECT_EQ(admission_.bytes(), 0);
  EXPECT_EQ(admission_.clients(), 0);
}

TEST_F(AdmissionTest, MovedPermitIsGivenBackOnce) {
  {
    AdmissionPermit outer;
    {
      auto permit = admission_.Admit(load_, Demand(3));
      outer = *std::move(permit);
    }
    EXPECT_EQ(admission_.items(), 3);
  }
  EXPECT_EQ(admission_.items(), 0);
}

TEST_F(AdmissionTest, RefusesMoreItemsThanTheLimitAndSaysWhenToComeBack) {
  const auto held = admission_.Admit(load_, Demand(9));
  const absl::Status refused = admission_.Admit(load_, Demand(2)).status();
  EXPECT_EQ(ReasonOf(refused), Reason::kQueueFull);
  EXPECT_TRUE(RetryAfterOf(refused).has_value());
  EXPECT_TRUE(admission_.Admit(load_, Demand(1)).ok());
}

TEST_F(AdmissionTest, TellsWhenSoMuchWillHaveBeenDoneThatThereIsRoom) {
  const auto held = admission_.Admit(load_, Demand(10));
  load_.AddPending(1, 100);
  // A second of work in ten images; two of them have to go.
  EXPECT_EQ(RetryAfterOf(admission_.Admit(load_, Demand(2)).status()), absl::Milliseconds(200));
}

TEST_F(AdmissionTest, RefusesMoreBytesThanTheLimit) {
  const auto held = admission_.Admit(load_, Demand(1, 600));
  EXPECT_EQ(Refusal(Demand(1, 600)), Reason::kMemoryBudgetExceeded);
  EXPECT_TRUE(admission_.Admit(load_, Demand(1, 400)).ok());
}

TEST_F(AdmissionTest, RefusesWorkThatWouldWaitTooLongWithAPushbackOfTheExcess) {
  load_.AddPending(1, 180);
  const absl::Status refused = admission_.Admit(load_, Demand(1, 1, 20)).status();
  EXPECT_EQ(ReasonOf(refused), Reason::kQueueFull);
  EXPECT_EQ(RetryAfterOf(refused), absl::Seconds(1));
}

TEST_F(AdmissionTest, SlowModelStillTakesARunningAndAWaitingBatch) {
  load_.AddPending(1, 180);
  Admission::Demand demand = Demand(1, 1, 20);
  demand.batch_cost = 100;
  demand.batch_images = 2;
  EXPECT_TRUE(admission_.Admit(load_, demand).ok());
  demand.cost = 21;
  EXPECT_EQ(Refusal(demand), Reason::kQueueFull);
}

TEST_F(AdmissionTest, ABatchOfManySmallImagesIsShortOnlyUpToItsCap) {
  const auto held = admission_.Admit(load_, Demand(4));
  load_.AddPending(1, 180);
  Admission::Demand demand = Demand(1, 1, 20);
  demand.batch_cost = 1e6;
  demand.batch_images = 2;
  EXPECT_EQ(Refusal(demand), Reason::kQueueFull);
  demand.batch_images = 3;
  EXPECT_TRUE(admission_.Admit(load_, demand).ok());
}

TEST_F(AdmissionTest, SlowModelStillTakesAFewImages) {
  Admission::Options options = SmallOptions();
  options.short_queue_items = 4;
  Admission admission(options);
  load_.AddPending(1, 1000);
  const auto held = admission.Admit(load_, Demand(3));
  ASSERT_TRUE(held.ok());
  EXPECT_EQ(ReasonOf(admission.Admit(load_, Demand(2)).status()), Reason::kQueueFull);
  EXPECT_TRUE(admission.Admit(load_, Demand(1)).ok());
}

TEST_F(AdmissionTest, SlowModelTakesSixteenImagesOfAClientOnItsOwn) {
  Admission admission{Admission::Options()};
  load_.AddPending(1, 1000);
  std::vector<AdmissionPermit> held;
  for (int i = 0; i < 16; ++i) {
    auto permit = admission.Admit(load_, Demand(1));
    ASSERT_TRUE(permit.ok()) << i << permit.status();
    held.push_back(*std::move(permit));
  }
  EXPECT_EQ(ReasonOf(admission.Admit(load_, Demand(1)).status()), Reason::kQueueFull);
}

TEST_F(AdmissionTest, ShortQueueLeavesHalfOfTheCallersTime) {
  load_.AddPending(1, 180);
  Admission::Demand demand = Demand(1, 1, 20);
  demand.batch_cost = 100;
  demand.batch_images = 2;
  demand.time_left = absl::Milliseconds(3999);
  EXPECT_EQ(Refusal(demand), Reason::kQueueFull);
  demand.time_left = absl::Milliseconds(4001);
  EXPECT_TRUE(admission_.Admit(load_, demand).ok());
}

TEST_F(AdmissionTest, IdleModelTakesAnImageOfAnyCost) {
  EXPECT_TRUE(admission_.Admit(load_, Demand(1, 1, 1e6)).ok());
}

TEST_F(AdmissionTest, RefusesADeadlineThatTheWorkAheadCannotMeet) {
  load_.AddPending(1, 50);
  Admission::Demand demand = Demand(1);
  demand.time_left = absl::Milliseconds(499);
  EXPECT_EQ(Refusal(demand), Reason::kDeadlineUnmeetable);
  demand.time_left = absl::Milliseconds(501);
  EXPECT_TRUE(admission_.Admit(load_, demand).ok());
}

// --- Shares of clients ---

class AdmissionShareTest : public AdmissionTest {
 protected:
  static constexpr ClientId kGreedy = 1;
  static constexpr ClientId kPolite = 2;

  static Admission::Options ShareOptions() {
    Admission::Options options = SmallOptions();
    options.max_items = 40;
    options.client_share = 0.25;
    return options;
  }

  // Permits of single images until one is refused.
  int Fill(ClientId client) {
    int admitted = 0;
    while (true) {
      absl::StatusOr<AdmissionPermit> permit = shared_.Admit(load_, Demand(1, 1, 1, client));
      if (!permit.ok()) return admitted;
      permits_[client].push_back(*std::move(permit));
      ++admitted;
    }
  }

  Admission shared_{ShareOptions()};
  std::map<ClientId, std::vector<AdmissionPermit>> permits_;
};

TEST_F(AdmissionShareTest, ClientOnItsOwnHasAllButAnEighth) { EXPECT_EQ(Fill(kGreedy), 35); }

TEST_F(AdmissionShareTest, PoliteClientFindsRoomBesideAGreedyOne) {
  Fill(kGreedy);
  EXPECT_EQ(Fill(kPolite), 5);
}

TEST_F(AdmissionShareTest, GreedyClientMakesRoomForTheShareOfAnother) {
  Fill(kGreedy);
  Fill(kPolite);
  // As the greedy one's images are answered it gets none of the room until a quarter is free.
  for (int answered = 1; answered <= 10; ++answered) {
    permits_[kGreedy].pop_back();
    EXPECT_EQ(Fill(kGreedy), 0) << "after " << answered;
    EXPECT_EQ(Fill(kPolite), answered <= 5 ? 1 : 0) << "after " << answered;
  }
  EXPECT_EQ(permits_[kPolite].size(), 10u);
  permits_[kGreedy].resize(19);
  EXPECT_EQ(Fill(kGreedy), 1);
}

TEST_F(AdmissionShareTest, GreedyClientsTogetherLeaveAQuarter) {
  for (ClientId client = 10; client < 13; ++client) {
    Fill(client);
    permits_[client].resize(10);
  }
  EXPECT_EQ(shared_.items(), 30);
  EXPECT_EQ(Fill(10), 0);
  EXPECT_EQ(Fill(kPolite), 10);
}

TEST_F(AdmissionShareTest, WaitingWorkIsSharedToo) {
  // Of the second that may wait, the greedy client has 0.8 and the polite one nothing.
  const auto held = shared_.Admit(load_, Demand(1, 1, 1, kGreedy));
  const auto other = shared_.Admit(load_, Demand(1, 1, 1, kPolite));
  load_.AddPending(kGreedy, 80);
  const absl::Status refused = shared_.Admit(load_, Demand(1, 1, 10, kGreedy)).status();
  EXPECT_EQ(ReasonOf(refused), Reason::kQueueFull);
  EXPECT_TRUE(RetryAfterOf(refused).has_value());
  EXPECT_TRUE(shared_.Admit(load_, Demand(1, 1, 10, kPolite)).ok());
}

TEST_F(AdmissionShareTest, MemoryIsSharedToo) {
  const auto held = shared_.Admit(load_, Demand(1, 700, 1, kGreedy));
  EXPECT_EQ(ReasonOf(shared_.Admit(load_, Demand(1, 200, 1, kGreedy)).status()),
            Reason::kMemoryBudgetExceeded);
  EXPECT_TRUE(shared_.Admit(load_, Demand(1, 200, 1, kPolite)).ok());
}

TEST_F(AdmissionTest, DrainingRefusesEverything) {
  admission_.Drain();
  EXPECT_EQ(Refusal(Demand(1)), Reason::kServerDraining);
}

}  // namespace
}  // namespace radio
