#include "client/cli/bench_load.h"

#include <atomic>
#include <cmath>
#include <random>
#include <thread>
#include <utility>

#include "absl/time/clock.h"
#include "client/pca.h"
#include "model/base/mutex.h"

namespace radio::client {
namespace {

absl::Duration ToDuration(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

// Waves with some noise: compresses like a photograph, and no two are equal.
v1::Image MakeImage(const Resolution& size, bool png, uint64_t seed) {
  std::minstd_rand random(static_cast<std::minstd_rand::result_type>(seed + 1));
  std::uniform_real_distribution<float> uniform(0, 1);
  const float frequency = 0.01f + 0.05f * uniform(random);
  const float phase = 6 * uniform(random);
  Picture picture{size.height, size.width, {}};
  for (int y = 0; y < size.height; ++y) {
    for (int x = 0; x < size.width; ++x) {
      for (int c = 0; c < 3; ++c) {
        const auto place = static_cast<float>(x * (c + 1) + y * (3 - c));
        const float wave = std::sin(frequency * place + phase);
        picture.rgb.push_back(static_cast<uint8_t>(120 + 100 * wave + 30 * uniform(random)));
      }
    }
  }
  v1::Image image;
  if (png) {
    image.set_encoded(EncodePng(picture));
    return image;
  }
  v1::Tensor* tensor = image.mutable_tensor();
  tensor->set_data_type(v1::DATA_TYPE_UINT8);
  for (int64_t extent : {size.height, size.width, 3}) tensor->add_shape(extent);
  tensor->set_data(picture.rgb.data(), picture.rgb.size());
  return image;
}

// A few requests of each size, made before the clock starts. Sizes alternate.
std::vector<v1::ExtractRequest> MakeRequests(const BenchLoad& load) {
  constexpr size_t kOfEachSize = 4;
  std::vector<v1::ExtractRequest> requests;
  for (size_t i = 0; i < kOfEachSize * load.sizes.size(); ++i) {
    v1::ExtractRequest request;
    request.set_model(load.model);
    *request.add_images() = MakeImage(load.sizes[i % load.sizes.size()], load.png, load.seed + i);
    for (const v1::OutputSpec& output : load.outputs) *request.add_outputs() = output;
    *request.mutable_preprocessing() = load.preprocessing;
    requests.push_back(std::move(request));
  }
  return requests;
}

BenchSample ToSample(size_t size, absl::Duration latency,
                     const absl::StatusOr<ExtractResult>& result) {
  BenchSample sample;
  sample.size = size;
  sample.latency = latency;
  sample.status = result.status();
  if (result.ok() && result->images.size() == 1) sample.status = result->images[0].status();
  if (sample.status.ok() && result->images.size() == 1) {
    const v1::Timings& timings = result->images[0]->timings();
    sample.queue = ToDuration(timings.queue());
    sample.preprocess = ToDuration(timings.preprocess());
    sample.inference = ToDuration(timings.inference());
  }
  return sample;
}

// Collects samples of requests that were due after the warm-up. Thread-safe.
class Recorder {
 public:
  explicit Recorder(absl::Time from) : from_(from), last_(from) {}

  void Begin() {
    MutexLock lock(&mutex_);
    ++running_;
  }

  void End(absl::Time due, size_t size, const absl::StatusOr<ExtractResult>& result) {
    const absl::Time now = absl::Now();
    MutexLock lock(&mutex_);
    --running_;
    ended_.SignalAll();
    if (due < from_) return;
    samples_.push_back(ToSample(size, now - due, result));
    last_ = std::max(last_, now);
  }

  BenchResult Finish() {
    MutexLock lock(&mutex_);
    while (running_ > 0) ended_.Wait(&mutex_);
    return {std::move(samples_), last_ - from_};
  }

 private:
  const absl::Time from_;
  Mutex mutex_;
  CondVar ended_;
  int running_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<BenchSample> samples_ ABSL_GUARDED_BY(mutex_);
  absl::Time last_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

BenchResult RunClosedLoop(const FeatureClient& client, const BenchLoad& load, int concurrency) {
  const std::vector<v1::ExtractRequest> requests = MakeRequests(load);
  const absl::Time start = absl::Now();
  const absl::Time end = start + load.warmup + load.duration;
  Recorder recorder(start + load.warmup);
  std::atomic<size_t> next{0};
  std::vector<std::thread> callers;
  callers.reserve(concurrency);
  for (int i = 0; i < concurrency; ++i) {
    callers.emplace_back([&] {
      for (absl::Time now = absl::Now(); now < end; now = absl::Now()) {
        const size_t index = next++ % requests.size();
        recorder.Begin();
        recorder.End(now, index % load.sizes.size(), client.Extract(requests[index]));
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  return recorder.Finish();
}

BenchResult RunOpenLoop(const FeatureClient& client, const BenchLoad& load, double rate) {
  const std::vector<v1::ExtractRequest> requests = MakeRequests(load);
  std::mt19937_64 random(load.seed);
  std::exponential_distribution<double> gap(rate);
  absl::Time due = absl::Now();
  const absl::Time end = due + load.warmup + load.duration;
  Recorder recorder(due + load.warmup);
  for (size_t i = 0; (due += absl::Seconds(gap(random))) < end; ++i) {
    absl::SleepFor(due - absl::Now());
    const size_t index = i % requests.size();
    recorder.Begin();
    client.ExtractAsync(requests[index], [&recorder, &load, due, index](auto result) {
      recorder.End(due, index % load.sizes.size(), result);
    });
  }
  return recorder.Finish();
}

}  // namespace radio::client
