#include "client/cli/row_queue.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>

namespace radio::client {
namespace {

TEST(RowQueueTest, GivesRowsInOrder) {
  RowQueue<std::string> rows(5, 8, 10);
  rows.Put(7, "seven");
  rows.Put(5, "five");
  rows.Put(6, "six");
  EXPECT_EQ(rows.Take(), "five");
  EXPECT_EQ(rows.Take(), "six");
  EXPECT_EQ(rows.Take(), "seven");
  EXPECT_EQ(rows.Take(), std::nullopt) << "after the last";
}

TEST(RowQueueTest, TakeWaitsForTheNextRow) {
  RowQueue<int> rows(0, 2, 10);
  rows.Put(1, 11);
  std::thread putting([&rows] { rows.Put(0, 10); });
  EXPECT_EQ(rows.Take(), 10);
  EXPECT_EQ(rows.Take(), 11);
  putting.join();
}

TEST(RowQueueTest, RoomComesWithTakenRows) {
  RowQueue<int> rows(0, 100, 2);
  EXPECT_TRUE(rows.WaitForRoom(1));
  rows.Put(0, 0);
  std::thread taking([&rows] { EXPECT_EQ(rows.Take(), 0); });
  EXPECT_TRUE(rows.WaitForRoom(2));
  taking.join();
}

TEST(RowQueueTest, StopWakesEverybody) {
  RowQueue<int> rows(0, 100, 2);
  std::thread taking([&rows] { EXPECT_EQ(rows.Take(), std::nullopt); });
  std::thread sending([&rows] { EXPECT_FALSE(rows.WaitForRoom(50)); });
  rows.Stop();
  taking.join();
  sending.join();
  EXPECT_TRUE(rows.stopped());
}

}  // namespace
}  // namespace radio::client
