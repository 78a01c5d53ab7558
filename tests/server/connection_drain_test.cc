#include "server/connection_drain.h"

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/health_check_service_interface.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "grpc/health/v1/health.grpc.pb.h"

namespace radio::server {
namespace {

using ::grpc::health::v1::Health;
using ::grpc::health::v1::HealthCheckRequest;
using ::grpc::health::v1::HealthCheckResponse;

// gRPC's own health service: Check is a short call, Watch one that lasts.
class ConnectionDrainTest : public testing::Test {
 protected:
  ConnectionDrainTest() {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    // A server must have a service of its own.
    builder.RegisterCallbackGenericService(&nothing_);
    server_ = builder.BuildAndStart();
    address_ = absl::StrCat("127.0.0.1:", port);
    stub_ = Connect();
  }

  std::unique_ptr<Health::Stub> Connect() const {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return Health::NewStub(
        grpc::CreateCustomChannel(address_, grpc::InsecureChannelCredentials(), arguments));
  }

  static grpc::StatusCode Check(Health::Stub* stub) {
    grpc::ClientContext context;
    HealthCheckResponse response;
    return stub->Check(&context, HealthCheckRequest(), &response).error_code();
  }

  grpc::CallbackGenericService nothing_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
  std::unique_ptr<Health::Stub> stub_;
};

TEST_F(ConnectionDrainTest, AnIdleConnectionCloses) {
  EXPECT_TRUE(WaitForConnections(server_.get(), absl::ZeroDuration()));
  ASSERT_EQ(Check(stub_.get()), grpc::StatusCode::OK);
  EXPECT_FALSE(WaitForConnections(server_.get(), absl::ZeroDuration()));
  TurnClientsAway(server_.get());
  EXPECT_TRUE(WaitForConnections(server_.get(), absl::Minutes(1)));
}

TEST_F(ConnectionDrainTest, ACallInWorkGoesOnWhileNewOnesFindNobody) {
  grpc::ClientContext context;
  const auto watch = stub_->Watch(&context, HealthCheckRequest());
  HealthCheckResponse response;
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);

  TurnClientsAway(server_.get());
  EXPECT_FALSE(WaitForConnections(server_.get(), absl::Milliseconds(20)));
  EXPECT_EQ(Check(Connect().get()), grpc::StatusCode::UNAVAILABLE);
  while (Check(stub_.get()) == grpc::StatusCode::OK) {
  }
  EXPECT_EQ(Check(stub_.get()), grpc::StatusCode::UNAVAILABLE);
  server_->GetHealthCheckService()->SetServingStatus("", false);
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);

  context.TryCancel();
  EXPECT_TRUE(WaitForConnections(server_.get(), absl::Minutes(1)));
}

TEST_F(ConnectionDrainTest, TwiceAndBeforeAShutdownIsAsOnce) {
  ASSERT_EQ(Check(stub_.get()), grpc::StatusCode::OK);
  TurnClientsAway(server_.get());
  TurnClientsAway(server_.get());
  EXPECT_TRUE(WaitForConnections(server_.get(), absl::Minutes(1)));
  server_->Shutdown();
}

}  // namespace
}  // namespace radio::server
