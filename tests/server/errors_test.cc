#include "server/errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "google/rpc/error_details.pb.h"
#include "model/errors.h"
#include "server/field_error.h"

namespace radio::server {
namespace {

using ::testing::HasSubstr;

template <typename Detail>
std::vector<Detail> DetailsOf(const google::rpc::Status& status) {
  std::vector<Detail> found;
  for (const auto& any : status.details()) {
    Detail detail;
    if (any.UnpackTo(&detail)) found.push_back(detail);
  }
  return found;
}

TEST(ErrorsTest, OkHasNoDetails) {
  EXPECT_EQ(ToRpcStatus(absl::OkStatus()).ByteSizeLong(), 0u);
  EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok());
  EXPECT_EQ(ReasonName(absl::OkStatus()), "");
}

TEST(ErrorsTest, EveryReasonTravelsWithItsCodeAndDomain) {
  for (const ReasonInfo& info : AllReasons()) {
    const absl::Status status = MakeError(info.reason, "why");
    const google::rpc::Status rpc = ToRpcStatus(status);
    EXPECT_EQ(rpc.code(), static_cast<int>(info.code));
    EXPECT_EQ(rpc.message(), "why");
    const auto infos = DetailsOf<google::rpc::ErrorInfo>(rpc);
    ASSERT_EQ(infos.size(), 1u);
    EXPECT_EQ(infos[0].domain(), "radio.v1");
    EXPECT_EQ(infos[0].reason(), info.name);

    const grpc::Status grpc_status = ToGrpcStatus(status);
    EXPECT_EQ(static_cast<int>(grpc_status.error_code()), static_cast<int>(info.code));
    EXPECT_EQ(grpc_status.error_details(), rpc.SerializeAsString());
  }
}

TEST(ErrorsTest, AStatusWithoutAReasonCarriesItsCodesName) {
  EXPECT_EQ(ReasonName(absl::CancelledError("gone")), "CANCELLED");
  const auto infos = DetailsOf<google::rpc::ErrorInfo>(ToRpcStatus(absl::CancelledError("gone")));
  ASSERT_EQ(infos.size(), 1u);
  EXPECT_EQ(infos[0].reason(), "CANCELLED");
}

TEST(ErrorsTest, AFieldErrorNamesItsField) {
  const absl::Status status =
      FieldError(Reason::kTensorInvalid, "images[3].tensor.data", "must have 3 bytes, has 2");
  EXPECT_EQ(status.message(), "images[3].tensor.data: must have 3 bytes, has 2");
  const auto bad_requests = DetailsOf<google::rpc::BadRequest>(ToRpcStatus(status));
  ASSERT_EQ(bad_requests.size(), 1u);
  EXPECT_EQ(bad_requests[0].field_violations(0).field(), "images[3].tensor.data");
  EXPECT_THAT(bad_requests[0].field_violations(0).description(), HasSubstr("has 2"));
}

TEST(ErrorsTest, ARetryDelayBecomesRetryInfoAndATrailer) {
  absl::Status status = MakeError(Reason::kQueueFull, "full");
  SetRetryAfter(&status, absl::Milliseconds(2345));
  const auto retries = DetailsOf<google::rpc::RetryInfo>(ToRpcStatus(status));
  ASSERT_EQ(retries.size(), 1u);
  EXPECT_EQ(retries[0].retry_delay().seconds(), 2);
  EXPECT_EQ(retries[0].retry_delay().nanos(), 345000000);
}

TEST(ErrorsTest, ValidNamesAreMetadata) {
  absl::Status status = MakeError(Reason::kModelNotFound, "none");
  SetValidNames(&status, "a,b");
  const auto infos = DetailsOf<google::rpc::ErrorInfo>(ToRpcStatus(status));
  ASSERT_EQ(infos.size(), 1u);
  EXPECT_EQ(infos[0].metadata().at("valid_names"), "a,b");
}

TEST(ErrorsTest, MessagesOfAnyBytesBecomeShortValidText) {
  const absl::Status status = MakeError(Reason::kInferenceFailed, std::string(100000, '\xFF'));
  const google::rpc::Status rpc = ToRpcStatus(status);
  EXPECT_LT(rpc.ByteSizeLong(), 8192u);
  google::rpc::Status parsed;
  EXPECT_TRUE(parsed.ParseFromString(rpc.SerializeAsString()));
}

}  // namespace
}  // namespace radio::server
