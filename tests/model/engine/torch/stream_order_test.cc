#include "tests/model/engine/torch/stream_order.h"

#include <gmock/gmock.h>

#include <thread>

namespace radio {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class StreamOrderTest : public testing::Test {
 protected:
  // Work of stream 1 writes the memory that it has allocated.
  StreamOrderTest() {
    order_.Allocate(&memory_, 1);
    order_.Enqueue(1, "fill", {}, {&memory_});
  }

  StreamOrder order_;
  const char memory_ = 0;
};

TEST_F(StreamOrderTest, WorkOfOneStreamIsInOrder) {
  order_.Enqueue(1, "use", {&memory_}, {});
  order_.Enqueue(1, "refill", {}, {&memory_});
  order_.Free(&memory_);
  EXPECT_THAT(order_.TakeRaces(), IsEmpty());
}

TEST_F(StreamOrderTest, ReadingWhatAnotherStreamWritesIsARace) {
  order_.Enqueue(2, "use", {&memory_}, {});
  EXPECT_THAT(order_.TakeRaces(),
              ElementsAre("stream 2: use reads what stream 1 may not have written yet"));
  EXPECT_THAT(order_.TakeRaces(), IsEmpty());
}

TEST_F(StreamOrderTest, WritingWhatAnotherStreamReadsIsARace) {
  order_.Wait(2, order_.Record(1));
  order_.Enqueue(2, "use", {&memory_}, {});
  EXPECT_THAT(order_.TakeRaces(), IsEmpty());
  order_.Enqueue(1, "refill", {}, {&memory_});
  EXPECT_THAT(order_.TakeRaces(),
              ElementsAre("stream 1: refill writes what stream 2 may still read"));
}

TEST_F(StreamOrderTest, AnEventOrdersWhatWasRecordedAndNothingAfterIt) {
  const StreamOrder::Clock before = order_.Record(1);
  order_.Enqueue(1, "refill", {}, {&memory_});
  order_.Wait(2, before);
  order_.Enqueue(2, "use", {&memory_}, {});
  EXPECT_THAT(order_.TakeRaces(), testing::SizeIs(1));
  order_.Wait(2, order_.Record(1));
  order_.Enqueue(2, "use", {&memory_}, {});
  EXPECT_THAT(order_.TakeRaces(), IsEmpty());
}

TEST_F(StreamOrderTest, OrderIsPassedOnFromStreamToStream) {
  order_.Wait(2, order_.Record(1));
  order_.Wait(3, order_.Record(2));
  order_.Enqueue(3, "use", {&memory_}, {});
  EXPECT_THAT(order_.TakeRaces(), IsEmpty());
}

TEST_F(StreamOrderTest, WhatAThreadHasWaitedForIsDoneForItAlone) {
  order_.Synchronize(order_.Record(1));
  std::thread([this] { order_.Enqueue(2, "use", {&memory_}, {}); }).join();
  EXPECT_THAT(order_.TakeRaces(), testing::SizeIs(1));
  order_.Enqueue(3, "use", {&memory_}, {});
  EXPECT_THAT(order_.TakeRaces(), IsEmpty());
}

TEST_F(StreamOrderTest, MemoryIsNotGivenAwayWhileAnotherStreamMayUseIt) {
  order_.Wait(2, order_.Record(1));
  order_.Enqueue(2, "use", {&memory_}, {});
  order_.Free(&memory_);
  EXPECT_THAT(order_.TakeRaces(),
              ElementsAre("memory of stream 1 is given away while stream 2 may still use it"));
}

TEST_F(StreamOrderTest, MemoryThatIsKeptForAStreamMayBeLetGo) {
  order_.Wait(2, order_.Record(1));
  order_.KeepFor(&memory_, 2);
  order_.Enqueue(2, "use", {&memory_}, {});
  order_.Free(&memory_);
  EXPECT_THAT(order_.TakeRaces(), IsEmpty());
}

TEST_F(StreamOrderTest, MemoryMayBeGivenAwayAfterAWaitForItsUsers) {
  order_.Wait(2, order_.Record(1));
  order_.Enqueue(2, "use", {&memory_}, {});
  order_.Synchronize(order_.Record(2));
  order_.Free(&memory_);
  EXPECT_THAT(order_.TakeRaces(), IsEmpty());
}

}  // namespace
}  // namespace radio
