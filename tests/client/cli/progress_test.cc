#include "client/cli/progress.h"

#include <gtest/gtest.h>

namespace radio::client {
namespace {

constexpr absl::Time kStart = absl::UnixEpoch();

TEST(ProgressTest, WritesALineEveryFiveSecondsOutsideATerminal) {
  Progress progress(1000, 0, /*terminal=*/false, kStart);
  EXPECT_EQ(progress.Report(1, 0, kStart + absl::Seconds(1)), std::nullopt);
  EXPECT_EQ(progress.Report(100, 0, kStart + absl::Seconds(5)),
            "100/1000 images, 20.0 images/s, ETA 0:45\n");
  EXPECT_EQ(progress.Report(150, 0, kStart + absl::Seconds(9)), std::nullopt);
  EXPECT_EQ(progress.Report(200, 3, kStart + absl::Seconds(10)),
            "200/1000 images, 20.0 images/s, ETA 0:40, 3 failed\n");
  EXPECT_EQ(progress.End(), "");
}

TEST(ProgressTest, DrawsABarOnATerminalAndEndsIt) {
  Progress progress(4, 0, /*terminal=*/true, kStart);
  EXPECT_EQ(progress.Report(1, 0, kStart + absl::Milliseconds(50)), std::nullopt);
  EXPECT_EQ(progress.Report(2, 0, kStart + absl::Seconds(1)),
            "\r[============            ] 2/4 images, 2.0 images/s, ETA 0:01\x1b[K");
  EXPECT_EQ(progress.Report(4, 0, kStart + absl::Seconds(1)),
            "\r[========================] 4/4 images, 4.0 images/s, ETA 0:00\x1b[K")
      << "the last state is shown whatever the time";
  EXPECT_EQ(progress.End(), "\n");
}

TEST(ProgressTest, WhatAnEarlierRunDidIsNoSpeedOfThisOne) {
  Progress progress(1000, 900, /*terminal=*/false, kStart);
  EXPECT_EQ(progress.Report(950, 0, kStart + absl::Seconds(10)),
            "950/1000 images, 5.0 images/s, ETA 0:10\n");
}

TEST(ProgressTest, FormatsDurations) {
  EXPECT_EQ(FormatSeconds(absl::Seconds(0)), "0:00");
  EXPECT_EQ(FormatSeconds(absl::Seconds(59.9)), "0:59");
  EXPECT_EQ(FormatSeconds(absl::Seconds(3599)), "59:59");
  EXPECT_EQ(FormatSeconds(absl::Hours(26) + absl::Seconds(61)), "26:01:01");
}

}  // namespace
}  // namespace radio::client
