#include "client/feature_stream.h"

#include <gmock/gmock.h>

#include <map>
#include <thread>

#include "absl/strings/match.h"
#include "client/errors.h"
#include "client/feature_client.h"
#include "model/base/mutex.h"
#include "tests/testing/fake_feature_service.h"

namespace radio::client {
namespace {

using ::testing::SizeIs;

// Answers by id, in the order they came.
class Answers {
 public:
  OnResult Listener() {
    return [this](const std::string& id, absl::StatusOr<ImageFeatures> result) {
      MutexLock lock(&mutex_);
      order_.push_back(id);
      results_.emplace(id, std::move(result));
      changed_.SignalAll();
    };
  }

  void WaitFor(size_t count) {
    MutexLock lock(&mutex_);
    while (order_.size() < count) changed_.Wait(&mutex_);
  }

  std::vector<std::string> order() {
    MutexLock lock(&mutex_);
    return order_;
  }

  std::map<std::string, absl::StatusOr<ImageFeatures>> results() {
    MutexLock lock(&mutex_);
    return results_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::vector<std::string> order_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, absl::StatusOr<ImageFeatures>> results_ ABSL_GUARDED_BY(mutex_);
};

class FeatureStreamTest : public ::testing::Test {
 protected:
  void Connect(absl::Duration deadline = absl::Seconds(60),
               absl::Duration patience = absl::ZeroDuration()) {
    ClientOptions options;
    options.server = server_.address();
    options.deadline = deadline;
    options.retry.patience = patience;
    options.retry.initial_backoff = absl::Milliseconds(1);
    options.retry.max_backoff = absl::Milliseconds(1);
    client_ = *FeatureClient::Connect(options);
  }

  std::unique_ptr<FeatureStream> Open(StreamOptions options = StreamOptions()) {
    if (client_ == nullptr) Connect();
    v1::OutputSpec output;
    output.set_summary(true);
    options.outputs = {output};
    return client_->ExtractStream(options, answers_.Listener());
  }

  static v1::Image ImageOf(const std::string& bytes) {
    v1::Image image;
    image.set_encoded(bytes);
    return image;
  }

  // Sends images "<first>", ..., each its own id.
  static void SendRange(FeatureStream* stream, int first, int count) {
    for (int i = first; i < first + count; ++i) {
      ASSERT_TRUE(stream->Send(std::to_string(i), ImageOf(std::to_string(i))).ok());
    }
  }

  void ExpectAllGood(int count) {
    const auto results = answers_.results();
    ASSERT_THAT(results, SizeIs(count));
    EXPECT_THAT(answers_.order(), SizeIs(count)) << "some image was answered twice";
    for (const auto& [id, result] : results) {
      ASSERT_TRUE(result.ok()) << id << ": " << result.status();
      EXPECT_EQ((*result->Summary()->AsFloat32())[3],
                FakeFeatureService::Value(id, "backbone", true, 3));
    }
  }

  FakeServer server_;
  Answers answers_;
  std::unique_ptr<FeatureClient> client_;
};

TEST_F(FeatureStreamTest, AnswersEveryImageOnce) {
  const auto stream = Open();
  SendRange(stream.get(), 0, 200);
  EXPECT_TRUE(stream->Finish().ok());
  ExpectAllGood(200);
}

TEST_F(FeatureStreamTest, AnswersInCompletionOrder) {
  FakeBehaviour behaviour;
  behaviour.newest_first = true;
  server_.service().SetBehaviour(behaviour);
  server_.service().Hold(true);
  const auto stream = Open();
  SendRange(stream.get(), 0, 8);
  while (server_.service().record().most_unanswered < 8) std::this_thread::yield();
  server_.service().Hold(false);
  EXPECT_TRUE(stream->Finish().ok());
  ExpectAllGood(8);
  EXPECT_EQ(answers_.order().front(), "7");
  EXPECT_EQ(answers_.order().back(), "0");
}

TEST_F(FeatureStreamTest, NeverHasMoreInFlightThanItsBound) {
  StreamOptions options;
  options.max_in_flight = 3;
  const auto stream = Open(options);
  SendRange(stream.get(), 0, 100);
  EXPECT_TRUE(stream->Finish().ok());
  ExpectAllGood(100);
  EXPECT_LE(server_.service().record().most_unanswered, 3);
  EXPECT_GE(server_.service().record().most_unanswered, 1);
}

TEST_F(FeatureStreamTest, ABadImageDoesNotEndTheStream) {
  const auto stream = Open();
  ASSERT_TRUE(stream->Send("bad", ImageOf("broken")).ok());
  ASSERT_TRUE(stream->Send("good", ImageOf("good")).ok());
  EXPECT_TRUE(stream->Finish().ok());
  const auto results = answers_.results();
  EXPECT_EQ(ReasonOf(results.at("bad").status()), "IMAGE_UNDECODABLE");
  EXPECT_TRUE(results.at("good").ok());
}

TEST_F(FeatureStreamTest, IdsAreTheCallersAndMayRepeat) {
  const auto stream = Open();
  ASSERT_TRUE(stream->Send("same", ImageOf("a")).ok());
  ASSERT_TRUE(stream->Send("same", ImageOf("b")).ok());
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_THAT(answers_.order(), SizeIs(2));
}

TEST_F(FeatureStreamTest, UnansweredImagesAreSentAgainWhenTheConnectionBreaks) {
  FakeBehaviour behaviour;
  behaviour.end_stream = [](int stream, int answered) -> std::optional<grpc::Status> {
    if (stream > 3 || answered < 5) return std::nullopt;
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "draining");
  };
  server_.service().SetBehaviour(behaviour);
  const auto stream = Open();
  SendRange(stream.get(), 0, 100);
  EXPECT_TRUE(stream->Finish().ok());
  ExpectAllGood(100);
  EXPECT_EQ(server_.service().record().calls, 4);
}

TEST_F(FeatureStreamTest, AStreamClosedEarlyByTheServerCountsAsBroken) {
  FakeBehaviour behaviour;
  behaviour.end_stream = [](int stream, int answered) -> std::optional<grpc::Status> {
    if (stream > 1 || answered < 5) return std::nullopt;
    return grpc::Status::OK;
  };
  server_.service().SetBehaviour(behaviour);
  const auto stream = Open();
  SendRange(stream.get(), 0, 50);
  EXPECT_TRUE(stream->Finish().ok());
  ExpectAllGood(50);
}

TEST_F(FeatureStreamTest, AStreamThatKeepsBreakingEndsWithItsStatus) {
  FakeBehaviour behaviour;
  behaviour.end_stream = [](int, int) -> std::optional<grpc::Status> {
    return FakeCallError(FakeError(14, "SERVER_DRAINING", "draining"));
  };
  server_.service().SetBehaviour(behaviour);
  const auto stream = Open();
  ASSERT_TRUE(stream->Send("one", ImageOf("one")).ok());
  EXPECT_EQ(ReasonOf(stream->Finish()), "SERVER_DRAINING");
  EXPECT_EQ(ReasonOf(answers_.results().at("one").status()), "SERVER_DRAINING");
  EXPECT_EQ(server_.service().record().calls, 5);
  EXPECT_EQ(ReasonOf(stream->Send("two", ImageOf("two"))), "SERVER_DRAINING");
}

TEST_F(FeatureStreamTest, AFinalStatusEndsTheStreamAtOnce) {
  FakeBehaviour behaviour;
  behaviour.call_status = [](int, grpc::CallbackServerContext*) {
    return FakeCallError(FakeError(16, "CREDENTIAL_MISSING", "no credential"));
  };
  server_.service().SetBehaviour(behaviour);
  const auto stream = Open();
  ASSERT_TRUE(stream->Send("one", ImageOf("one")).ok());
  EXPECT_EQ(stream->Finish().code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(server_.service().record().calls, 1);
}

TEST_F(FeatureStreamTest, APushedBackImageIsSentAgain) {
  FakeBehaviour behaviour;
  auto refused = std::make_shared<std::map<std::string, int>>();
  behaviour.image_status = [refused](const std::string& bytes) {
    if ((*refused)[bytes]++ > 0) return google::rpc::Status();
    return FakeError(8, "QUEUE_FULL", "full", absl::Milliseconds(1));
  };
  server_.service().SetBehaviour(behaviour);
  const auto stream = Open();
  SendRange(stream.get(), 0, 10);
  EXPECT_TRUE(stream->Finish().ok());
  ExpectAllGood(10);
  EXPECT_EQ(server_.service().record().images, 20);
  EXPECT_EQ(server_.service().record().calls, 1);
}

TEST_F(FeatureStreamTest, RefusalsDoNotCountWhileOtherImagesAreAnswered) {
  FakeBehaviour behaviour;
  auto refused = std::make_shared<std::map<std::string, int>>();
  // More often than attempts (5) and budget (20) allow together.
  behaviour.image_status = [refused](const std::string& bytes) {
    const bool full = bytes == "5" && (*refused)[bytes]++ < 40;
    return full ? FakeError(8, "QUEUE_FULL", "full", absl::Milliseconds(1)) : google::rpc::Status();
  };
  server_.service().SetBehaviour(behaviour);
  StreamOptions options;
  options.max_in_flight = 4;
  const auto stream = Open(options);
  SendRange(stream.get(), 0, 1000);
  EXPECT_TRUE(stream->Finish().ok());
  ExpectAllGood(1000);
  EXPECT_EQ((*refused)["5"], 41);
}

TEST_F(FeatureStreamTest, AnImageRefusedWhileNothingIsAnsweredIsGivenUp) {
  FakeBehaviour behaviour;
  behaviour.image_status = [](const std::string&) {
    return FakeError(8, "QUEUE_FULL", "full", absl::Milliseconds(1));
  };
  server_.service().SetBehaviour(behaviour);
  const auto stream = Open();
  SendRange(stream.get(), 0, 1);
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(ReasonOf(answers_.results().at("0").status()), "QUEUE_FULL");
  EXPECT_EQ(server_.service().record().images, 5);
}

TEST_F(FeatureStreamTest, WithPatienceRefusalsDoNotCountThoughNothingIsAnswered) {
  FakeBehaviour behaviour;
  // More often than attempts (5) and budget (20) allow together.
  behaviour.image_status = [refused = 0](const std::string&) mutable {
    return ++refused <= 40 ? FakeError(8, "QUEUE_FULL", "full", absl::Milliseconds(1))
                           : google::rpc::Status();
  };
  server_.service().SetBehaviour(behaviour);
  Connect(absl::Seconds(60), /*patience=*/absl::Minutes(1));
  const auto stream = Open();
  SendRange(stream.get(), 0, 2);
  EXPECT_TRUE(stream->Finish().ok());
  ExpectAllGood(2);
  EXPECT_EQ(server_.service().record().images, 42);
}

TEST_F(FeatureStreamTest, WhenPatienceIsOverEveryRefusedImageIsGivenUp) {
  FakeBehaviour behaviour;
  behaviour.image_status = [](const std::string&) {
    return FakeError(8, "QUEUE_FULL", "full", absl::Milliseconds(1));
  };
  server_.service().SetBehaviour(behaviour);
  Connect(absl::Seconds(60), /*patience=*/absl::Milliseconds(50));
  const auto stream = Open();
  SendRange(stream.get(), 0, 8);
  EXPECT_TRUE(stream->Finish().ok());
  for (const auto& [id, result] : answers_.results()) {
    EXPECT_EQ(ReasonOf(result.status()), "QUEUE_FULL") << id;
  }
  EXPECT_THAT(answers_.order(), SizeIs(8));
}

TEST_F(FeatureStreamTest, AnUnansweredImageFailsAtItsDeadline) {
  server_.service().Hold(true);
  Connect(absl::Milliseconds(50));
  const auto stream = Open();
  ASSERT_TRUE(stream->Send("one", ImageOf("one")).ok());
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(answers_.results().at("one").status().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(FeatureStreamTest, TheCallItselfHasADeadline) {
  StreamOptions options;
  options.max_connection_age = absl::Minutes(1);
  const auto stream = Open(options);
  SendRange(stream.get(), 0, 1);
  EXPECT_TRUE(stream->Finish().ok());
  const FakeRecord record = server_.service().record();
  ASSERT_THAT(record.deadlines, SizeIs(1));
  EXPECT_LE(record.deadlines[0], absl::Minutes(4));
}

TEST_F(FeatureStreamTest, AnOldConnectionIsReplacedWithoutLosingImages) {
  StreamOptions options;
  options.max_connection_age = absl::ZeroDuration();
  const auto stream = Open(options);
  SendRange(stream.get(), 0, 30);
  EXPECT_TRUE(stream->Finish().ok());
  ExpectAllGood(30);
  EXPECT_GT(server_.service().record().calls, 1);
}

TEST_F(FeatureStreamTest, CancelAnswersEverythingUnanswered) {
  server_.service().Hold(true);
  const auto stream = Open();
  SendRange(stream.get(), 0, 5);
  stream->Cancel();
  EXPECT_EQ(stream->Finish().code(), absl::StatusCode::kCancelled);
  EXPECT_THAT(answers_.order(), SizeIs(5));
  EXPECT_EQ(stream->Send("late", ImageOf("late")).code(), absl::StatusCode::kCancelled);
}

TEST_F(FeatureStreamTest, CancelWakesABlockedSend) {
  server_.service().Hold(true);
  StreamOptions options;
  options.max_in_flight = 1;
  const auto stream = Open(options);
  SendRange(stream.get(), 0, 1);
  absl::Status blocked;
  std::thread sender([&] { blocked = stream->Send("1", ImageOf("1")); });
  stream->Cancel();
  sender.join();
  EXPECT_EQ(blocked.code(), absl::StatusCode::kCancelled);
}

TEST_F(FeatureStreamTest, DestructionAnswersEverything) {
  server_.service().Hold(true);
  {
    const auto stream = Open();
    SendRange(stream.get(), 0, 5);
  }
  EXPECT_THAT(answers_.order(), SizeIs(5));
}

TEST_F(FeatureStreamTest, SendsFromManyThreads) {
  const auto stream = Open();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&stream, t] { SendRange(stream.get(), t * 50, 50); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(stream->Finish().ok());
  ExpectAllGood(200);
}

TEST_F(FeatureStreamTest, SurvivesAServerThatStops) {
  const auto stream = Open();
  SendRange(stream.get(), 0, 5);
  answers_.WaitFor(5);
  server_.Stop();
  ASSERT_TRUE(stream->Send("late", ImageOf("late")).ok());
  EXPECT_EQ(stream->Finish().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(answers_.results().at("late").status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace radio::client
