#include "model/errors.h"

#include <gmock/gmock.h>

#include <set>

namespace radio {
namespace {

TEST(ErrorsTest, TableIsInEnumOrderWithUniqueNames) {
  std::set<std::string> names;
  for (size_t i = 0; i < AllReasons().size(); ++i) {
    const ReasonInfo& info = AllReasons()[i];
    EXPECT_EQ(static_cast<size_t>(info.reason), i) << info.name;
    EXPECT_TRUE(names.insert(std::string(info.name)).second) << info.name;
    EXPECT_NE(info.code, absl::StatusCode::kOk) << info.name;
  }
}

TEST(ErrorsTest, ReasonSurvivesInTheStatus) {
  for (const ReasonInfo& info : AllReasons()) {
    const absl::Status status = MakeError(info.reason, "why");
    EXPECT_EQ(status.code(), info.code);
    EXPECT_EQ(ReasonOf(status), info.reason);
  }
  EXPECT_EQ(ReasonOf(absl::OkStatus()), std::nullopt);
  EXPECT_EQ(ReasonOf(absl::CancelledError("gone")), std::nullopt);
}

TEST(ErrorsTest, DetailsSurviveInTheStatus) {
  absl::Status status = MakeError(Reason::kQueueFull, "full");
  EXPECT_EQ(RetryAfterOf(status), std::nullopt);
  EXPECT_EQ(FieldPathOf(status), "");
  SetRetryAfter(&status, absl::Milliseconds(250));
  SetFieldPath(&status, "images[3]");
  SetValidNames(&status, "a,b");
  EXPECT_EQ(RetryAfterOf(status), absl::Milliseconds(250));
  EXPECT_EQ(FieldPathOf(status), "images[3]");
  EXPECT_EQ(ValidNamesOf(status), "a,b");
}

}  // namespace
}  // namespace radio
