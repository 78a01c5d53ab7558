#include "tests/model/batching/simulation.h"

#include <algorithm>
#include <deque>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <queue>
#include <random>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "model/admission.h"
#include "model/batching/batch_queue.h"
#include "model/batching/batch_runner.h"
#include "model/batching/model_load.h"
#include "model/errors.h"
#include "tests/testing/coroutine.h"
#include "tests/testing/simulated_clock.h"

namespace radio {
namespace {

// --- The world ---

enum class Story {
  // Deadlines, cancellations, priorities, poison, limits: all at random.
  kTurmoil,
  // Clients of one priority, no deadlines, one of them with a large backlog: who gets how much?
  kSharing,
  // A large image, or one that gives way, amid small ones without end.
  kStream,
};

struct Settings {
  Story story = Story::kTurmoil;
  BatchLimits limits;
  Admission::Options admission;
  int clients = 1;
  int images = 0;
  absl::Duration batch_time;
  double seconds_per_cost = 0;
};

struct Image {
  // As the caller sent it.
  ClientId client = 0;
  int priority = 0;
  Size size;
  double cost = 0;
  int64_t bytes = 0;
  absl::Time arrival;
  absl::Time deadline = absl::InfiniteFuture();
  absl::Time cancel_at = absl::InfiniteFuture();
  bool poisoned = false;

  // What became of it.
  bool admitted = false;
  int completed = 0;
  bool ran = false;
  absl::Time submitted = absl::InfiniteFuture();
  // In the queue.
  bool waits = false;
  int batches_at_submit = 0;
  std::shared_ptr<CancelToken> cancel;
  std::unique_ptr<PendingCost> pending;
  AdmissionPermit permit;
};

class IgnoredMetrics : public MetricsSink {
 public:
  void ImagesReceived(absl::string_view, int) override {}
  void ImageFinished(absl::string_view, Outcome, std::optional<Reason>, const Timings&) override {}
  void BatchFinished(absl::string_view, const BatchReport&) override {}
};

class World : private Engine {
 public:
  World(uint32_t seed, Mutant mutant, SimulationTotals* totals)
      : random_(seed),
        mutant_(mutant),
        totals_(totals),
        overlapping_runs_(seed % 20 == 0 ? 2 : 1),
        settings_(MakeSettings()),
        admission_(settings_.admission),
        queue_({settings_.limits, kAgeing, PolicyOf(mutant)}, &clock_, &load_),
        runner_({"m", 16}, {&queue_, this, &load_, &clock_, &metrics_,
                            [this](absl::AnyInvocable<void()> completion) {
                              Complete(std::move(completion));
                            }}),
        images_(settings_.images),
        waiting_(kMaxClients, 0),
        served_(kMaxClients, 0) {
    if (overlapping_runs_ == 1) return;
    const int workers = overlapping_runs_ + (mutant == Mutant::kWorkerTooMany ? 1 : 0);
    for (int i = 0; i < workers; ++i) {
      Worker& worker = workers_.emplace_back();
      worker.coroutine = std::make_unique<Coroutine>([this, &worker] { Work(&worker); });
    }
  }

  ~World() override {
    // Tasks that a broken run left complete while all that they touch still lives.
    ending_ = true;
    for (Worker& worker : workers_) Resume(&worker);
    while (queue_.depth() > 0) {
      if (queue_.ready()) queue_.NextBatch();
      if (!queue_.ready()) queue_.Done();
    }
    while (!events_.empty()) events_.pop();
  }

  std::string Run() {
    for (size_t i = 0; i < images_.size(); ++i) {
      MakeImage(&images_[i], i);
      At(images_[i].arrival, [this, i] { Arrive(i); });
      if (images_[i].cancel_at != absl::InfiniteFuture()) {
        At(images_[i].cancel_at, [this, i] { images_[i].cancel->Cancel(); });
      }
    }
    if (settings_.story == Story::kTurmoil && Chance(30)) {
      // For a while there is less memory.
      At(clock_.Now() + absl::Milliseconds(Int(0, 80)),
         [this] { memory_ = least_memory_ = settings_.limits.max_cost * Int(10, 90) / 100; });
      At(clock_.Now() + absl::Milliseconds(Int(80, 200)),
         [this] { memory_ = std::numeric_limits<double>::infinity(); });
    }
    while (broken_.empty() && (StartBatch() || NextEvent(absl::InfiniteFuture()))) {
    }
    CheckEnd();
    return broken_;
  }

 private:
  static constexpr absl::Duration kAgeing = absl::Milliseconds(100);
  static constexpr int kMaxClients = 4;

  struct Worker {
    std::unique_ptr<Coroutine> coroutine;
    bool busy = false;
  };

  struct Event {
    absl::Time when;
    uint64_t sequence;
    std::function<void()> what;
    friend bool operator>(const Event& a, const Event& b) {
      return std::tie(a.when, a.sequence) > std::tie(b.when, b.sequence);
    }
  };

  // --- Chance ---

  int Int(int low, int high) {
    return low + static_cast<int>(random_() % static_cast<uint32_t>(high - low + 1));
  }
  bool Chance(int percent) { return Int(1, 100) <= percent; }

  Settings MakeSettings() {
    Settings s;
    const int story = Int(0, 3);
    s.story = story == 0 ? Story::kSharing : story == 1 ? Story::kStream : Story::kTurmoil;
    s.batch_time = absl::Milliseconds(Int(1, 10));
    s.seconds_per_cost = Int(1, 20) * 1e-4;
    s.limits.max_cost = Int(20, 100);
    s.limits.max_images = Int(2, 16);
    s.limits.max_bytes = Int(50, 400);
    s.limits.max_passed_over = Int(0, 8);
    s.limits.mixed_sizes = !Chance(25);
    s.admission.max_items = Int(8, 40);
    s.admission.max_bytes = Int(100, 800);
    s.admission.max_queue_delay = absl::Milliseconds(Int(20, 500));
    s.admission.short_queue_items = Int(0, 16);
    s.admission.client_share = Chance(20) ? 1 : 0.25;
    s.clients = Int(1, kMaxClients);
    s.images = Int(5, 25);
    if (s.story == Story::kTurmoil) return s;
    // All are let in; what matters is the queue.
    s.admission = Admission::Options{};
    s.admission.max_queue_delay = absl::Hours(1);
    s.limits.max_bytes = 1000000;
    s.limits.mixed_sizes = true;
    if (s.story == Story::kSharing) {
      s.clients = Int(2, 3);
      s.images = 40;
      s.limits.max_images = 16;
      s.limits.max_passed_over = 0;
    } else {
      s.clients = 3;
      s.images = 60;
    }
    return s;
  }

  void MakeImage(Image* image, size_t index) {
    const Settings& s = settings_;
    image->cancel = std::make_shared<CancelToken>();
    image->arrival = clock_.Now() + absl::Milliseconds(Int(0, 100));
    image->size = {16 * Int(1, 3), 16};
    image->bytes = Int(1, 40);
    switch (s.story) {
      case Story::kTurmoil:
        // The first client sends as much as all the others.
        image->client = Chance(50) ? 0 : static_cast<ClientId>(Int(0, s.clients - 1));
        image->priority = Chance(70) ? 0 : Int(1, 3);
        image->cost = Chance(5) ? s.limits.max_cost * 1.5 : Int(1, 40) * s.limits.max_cost / 80;
        image->poisoned = Chance(5);
        if (Chance(5)) image->bytes = 500;
        if (Chance(40)) image->deadline = image->arrival + absl::Milliseconds(Int(0, 150));
        if (Chance(20)) image->cancel_at = image->arrival + absl::Milliseconds(Int(0, 60));
        break;
      case Story::kSharing:
        // A burst of one client, then the others, all before the first batch has ended.
        image->client = index < 24 ? 0 : 1 + index % static_cast<size_t>(s.clients - 1);
        image->cost = Int(4, 8) * s.limits.max_cost / 32;
        image->arrival = clock_.Now() + absl::Microseconds(index < 24 ? index : 100 + index);
        break;
      case Story::kStream:
        image->client = static_cast<ClientId>(index % 3);
        image->cost = s.limits.max_cost / 8;
        // Two clients send more than a batch in a batch's time; the third sends only the image
        // that must not starve.
        image->arrival =
            clock_.Now() + static_cast<double>(index) * BatchTime(s.limits.max_cost) / 12;
        if (index % 3 == 2) image->client = 0;
        if (index == 2) {
          image->client = 2;
          image->cost = s.limits.max_cost * Int(4, 12) / 8;
          image->priority = Chance(50) ? 0 : 1;
        }
        break;
    }
  }

  absl::Duration BatchTime(double cost) const {
    return settings_.batch_time + absl::Seconds(cost * settings_.seconds_per_cost);
  }

  // --- Time ---

  void At(absl::Time when, std::function<void()> what) {
    events_.push({std::max(when, clock_.Now()), next_event_++, std::move(what)});
  }

  // Moves to the next event that is not after `end`; false when there is none.
  bool NextEvent(absl::Time end) {
    if (events_.empty() || events_.top().when > end) return false;
    const Event event = events_.top();
    events_.pop();
    clock_.Advance(event.when - clock_.Now());
    event.what();
    return true;
  }

  void Break(std::string rule) {
    if (broken_.empty()) broken_ = std::move(rule);
  }

  // --- The way of an image ---

  void Arrive(size_t i) {
    Image& image = images_[i];
    ++totals_->images;
    const int items = admission_.items();
    const int64_t bytes = admission_.bytes();
    Admission::Demand demand;
    demand.client = image.client;
    demand.items = 1;
    demand.bytes = image.bytes;
    demand.cost = image.cost;
    demand.batch_cost = settings_.limits.max_cost;
    demand.batch_images = settings_.limits.max_images;
    demand.time_left = image.deadline - clock_.Now();
    absl::StatusOr<AdmissionPermit> permit = admission_.Admit(load_, demand);
    if (!permit.ok()) {
      CheckRefusal(permit.status(), items);
      if (mutant_ != Mutant::kAdmitsAll) return;
      ++unlicensed_;
    } else {
      image.permit = *std::move(permit);
    }
    const Admission::Options& options = settings_.admission;
    if (items > 0 && items + 1 + unlicensed_ > options.max_items) Break("more images than allowed");
    if (bytes > 0 && admission_.bytes() > options.max_bytes) Break("more bytes than allowed");
    image.admitted = true;
    image.pending = std::make_unique<PendingCost>(&load_, image.client, image.cost);
    const bool ordered = settings_.story != Story::kTurmoil;
    At(clock_.Now() + absl::Microseconds(ordered ? 0 : Int(0, 5000)), [this, i] { Prepared(i); });
  }

  void CheckRefusal(const absl::Status& status, int items) {
    ++totals_->refused;
    if (items == 0) Break("an idle server refused an image");
    const std::optional<Reason> reason = ReasonOf(status);
    if (reason == Reason::kDeadlineUnmeetable) return;
    if (reason != Reason::kQueueFull && reason != Reason::kMemoryBudgetExceeded) {
      Break(absl::StrCat("refused with ", status.ToString()));
    }
    if (RetryAfterOf(status).value_or(absl::ZeroDuration()) <= absl::ZeroDuration()) {
      Break("refused without the time to come back");
    }
  }

  void Prepared(size_t i) {
    Image& image = images_[i];
    if (image.cancel->cancelled()) return Done(i, absl::CancelledError("before it was submitted"));
    if (image.deadline <= clock_.Now()) {
      return Done(i, MakeError(Reason::kExpiredInQueue, "before it was submitted"));
    }
    Task::Work work;
    work.image.size = image.size;
    work.image.pixels.data = absl::MakeConstSpan(reinterpret_cast<const uint8_t*>(&image), 1);
    work.cost = image.cost;
    work.bytes = image.bytes;
    work.priority = image.priority;
    work.client = mutant_ == Mutant::kIgnoresClients ? 0 : image.client;
    work.deadline = image.deadline;
    work.cancel = image.cancel;
    auto task = std::make_unique<Task>(std::move(work), [this, i](Task::Result result) {
      const absl::StatusOr<ItemOutputs>& outputs = result.outputs;
      if (outputs.ok() && (*outputs)[0].summary->shape[0] != static_cast<int64_t>(i)) {
        Break("an image got the answer of another");
      }
      if (mutant_ == Mutant::kDoubleCompletion && i == 3) Done(i, outputs.status());
      Done(i, outputs.status());
    });
    image.submitted = clock_.Now();
    image.batches_at_submit = batches_;
    ++waiting_[image.client];
    image.waits = true;
    awake_ = runs_ == 0;
    if (!queue_.Submit(task).ok()) Break("an open queue refused a task");
  }

  void Done(size_t i, const absl::Status& status) {
    Image& image = images_[i];
    if (++image.completed > 1) return Break("an image was completed twice");
    CheckStatus(image, status);
    if (mutant_ != Mutant::kLeakedPending || i != 1) image.pending.reset();
    // The answer takes its time to leave.
    if (mutant_ == Mutant::kLeakedPermit && i == 1) return;
    At(clock_.Now() + absl::Microseconds(Int(0, 3000)),
       [&image] { image.permit = AdmissionPermit(); });
  }

  void CheckStatus(const Image& image, const absl::Status& status) {
    if (status.ok()) {
      ++totals_->ok;
      if (!image.ran || image.poisoned) Break("OK without a result");
    } else if (absl::IsCancelled(status)) {
      ++totals_->cancelled;
      if (!image.cancel->cancelled()) Break("cancelled though its caller was there");
    } else if (ReasonOf(status) == Reason::kExpiredInQueue) {
      ++totals_->expired;
      if (image.ran) Break("expired though it had run");
      if (clock_.Now() + BatchTime(image.cost) * kNoise + kMargin < image.deadline) {
        Break(absl::StrCat("expired with ", absl::FormatDuration(image.deadline - clock_.Now()),
                           " left"));
      }
    } else if (ReasonOf(status) == Reason::kMemoryBudgetExceeded) {
      if (image.cost <= least_memory_) Break("an image that fits had no memory");
    } else {
      ++totals_->failed;
      if (!image.poisoned) Break(absl::StrCat("failed without reason: ", status.ToString()));
    }
  }

  // --- Batches ---

  // Lets a worker that is free take a batch, if there is one to take.
  bool StartBatch() {
    if (queue_.depth() == 0 || !queue_.ready()) return false;
    if (mutant_ == Mutant::kLostWakeUp && !awake_) return false;
    if (workers_.empty()) {
      RunBatch();
      return true;
    }
    for (Worker& worker : workers_) {
      if (worker.busy) continue;
      Resume(&worker);
      return true;
    }
    return false;
  }

  // The life of a worker that is not alone.
  void Work(Worker* worker) {
    while (!ending_) {
      worker->busy = true;
      RunBatch();
      worker->busy = false;
      if (!ending_) worker->coroutine->Yield();
    }
  }

  void Resume(Worker* worker) {
    active_ = worker;
    worker->coroutine->Resume();
    active_ = nullptr;
  }

  // What happens until `end` happens.
  void PassTime(absl::Time end) {
    if (Worker* const worker = active_; worker != nullptr) {
      At(end, [this, worker] { Resume(worker); });
      return worker->coroutine->Yield();
    }
    while (NextEvent(end)) {
    }
    clock_.Advance(end - clock_.Now());
  }

  void RunBatch() {
    awake_ = false;
    if (runs_ > 0) CheckTakenAhead();
    const std::vector<int> waiting = waiting_;
    Batch batch = queue_.NextBatch();
    if (mutant_ == Mutant::kDoneTooEarly) queue_.Done();
    for (const auto& task : batch.dropped) Leave(&ImageOf(*task));
    int64_t bytes = 0;
    double cost = 0;
    for (const auto& task : batch.run) {
      Image& image = ImageOf(*task);
      bytes += image.bytes;
      cost += image.cost;
      Leave(&image);
      served_[image.client] += image.cost;
      CheckWait(image);
    }
    if (batch.run.size() > 1 && cost > settings_.limits.max_cost + kRounding) {
      Break("a batch over its cost");
    }
    if (batch.run.size() > 1 && bytes > settings_.limits.max_bytes) Break("a batch over its bytes");
    if (batch.run.size() > 1 && cost > did_not_fit_ / 2 + kRounding) {
      Break("the budget was not halved");
    }
    did_not_fit_ = std::numeric_limits<double>::infinity();
    if (settings_.story == Story::kSharing) CheckShares(waiting);
    if (batch.run.empty() && batch.dropped.empty()) Break("images wait, and none is taken");
    ++batches_;
    ++totals_->batches;
    ++runs_;
    runner_.Run(std::move(batch));
    --runs_;
    if (mutant_ == Mutant::kDoneTooEarly) return;
    if (mutant_ == Mutant::kLostDone && batches_ == 2) return;
    queue_.Done();
  }

  static Image& ImageOf(const ImageTensor& tensor) {
    return *const_cast<Image*>(reinterpret_cast<const Image*>(tensor.pixels.data.data()));
  }
  static Image& ImageOf(const Task& task) { return ImageOf(task.work().image); }

  // The queue.
  void Leave(Image* image) {
    image->waits = false;
    --waiting_[image->client];
  }

  void CheckTakenAhead() {
    ++totals_->ahead;
    struct Sum {
      int images = 0;
      int64_t bytes = 0;
      double cost = 0;
    };
    const BatchLimits& limits = settings_.limits;
    // Of what may share a batch: all, or all of a height.
    std::map<int, Sum> sums;
    for (const Image& image : images_) {
      if (!image.waits) continue;
      Sum& sum = sums[limits.mixed_sizes ? 0 : image.size.height];
      ++sum.images;
      sum.bytes += image.bytes;
      sum.cost += image.cost;
    }
    const bool full = std::any_of(sums.begin(), sums.end(), [&](const auto& entry) {
      const Sum& sum = entry.second;
      return sum.images >= limits.max_images || sum.bytes >= limits.max_bytes ||
             sum.cost >= queue_.budget().current() - kRounding;
    });
    if (!full) Break("a batch was taken ahead though it was not full");
  }

  void CheckWait(const Image& image) {
    if (settings_.story != Story::kStream) return;
    // Until it has aged it gives way, then it is soon its turn.
    const absl::Duration aged = kAgeing * image.priority;
    const double batches = absl::FDivDuration(aged, settings_.batch_time) + kMaxBatchesWaited;
    if (image.client == 2 && batches_ - image.batches_at_submit > batches) {
      Break(absl::StrCat("starved for ", batches_ - image.batches_at_submit, " batches"));
    }
  }

  // While two clients have a backlog, neither gets more than a batch or so ahead.
  void CheckShares(const std::vector<int>& waiting_before) {
    for (int a = 0; a < settings_.clients; ++a) {
      for (int b = 0; b < a; ++b) {
        auto [pair, fresh] = shares_.try_emplace({a, b});
        const bool backlog =
            waiting_before[a] > 0 && waiting_before[b] > 0 && waiting_[a] > 0 && waiting_[b] > 0;
        if (!backlog) {
          shares_.erase(pair);
          continue;
        }
        const double ahead = served_[a] - served_[b];
        if (fresh) pair->second = {ahead, ahead};
        pair->second.first = std::min(pair->second.first, ahead);
        pair->second.second = std::max(pair->second.second, ahead);
        if (pair->second.second - pair->second.first > kMaxLead * settings_.limits.max_cost) {
          Break("one client got more than another");
        }
      }
    }
  }

  absl::StatusOr<std::vector<absl::StatusOr<ItemOutputs>>> Run(
      absl::Span<const BatchItem> batch) override {
    if (ending_) return MakeError(Reason::kDeviceError, "the world ends");
    if (runs_ > overlapping_runs_) Break("too many runs at once");
    double cost = 0;
    bool poisoned = false;
    std::vector<absl::StatusOr<ItemOutputs>> results;
    for (const BatchItem& item : batch) {
      Image& image = ImageOf(*item.image);
      // Parts of a batch that failed run a little later than they were chosen.
      if (!image.ran && image.cancel->cancelled()) Break("a cancelled image ran");
      if (!image.ran && image.deadline <= clock_.Now()) Break("an expired image ran");
      if (!settings_.limits.mixed_sizes && item.image->size != batch[0].image->size) {
        Break("two sizes in a batch");
      }
      image.ran = true;
      cost += image.cost;
      poisoned |= image.poisoned;
      Output output;
      output.summary = OutputTensor{DataType::kFloat32, {&image - images_.data()}, {}};
      results.emplace_back(ItemOutputs{std::move(output)});
    }
    if (static_cast<int>(batch.size()) > settings_.limits.max_images) Break("too many images");
    if (cost > memory_) return OutOfMemory(cost);
    device_free_ = std::max(clock_.Now(), device_free_) + BatchTime(cost) * (1 + 0.01 * Int(0, 20));
    PassTime(device_free_);
    if (mutant_ == Mutant::kSwapsResults && results.size() > 1) std::swap(results[0], results[1]);
    if (poisoned) return MakeError(Reason::kInferenceFailed, "poisoned");
    return results;
  }
  std::string description() const override { return "simulated"; }

  absl::Status OutOfMemory(double cost) {
    absl::Status status = MakeError(Reason::kInferenceFailed, "out of memory");
    if (mutant_ != Mutant::kForgetsOutOfMemory) SetOutOfMemory(&status);
    did_not_fit_ = cost;
    ++totals_->out_of_memory;
    return status;
  }

  void Complete(absl::AnyInvocable<void()> completion) {
    if (mutant_ == Mutant::kLostCompletion && ++completions_ == 3) return;
    auto shared = std::make_shared<absl::AnyInvocable<void()>>(std::move(completion));
    At(clock_.Now() + absl::Microseconds(Int(0, 200)), [shared] { (*shared)(); });
  }

  void CheckEnd() {
    if (!broken_.empty()) return;
    for (const Image& image : images_) {
      if (image.completed != (image.admitted ? 1 : 0)) Break("an admitted image has no answer");
    }
    if (queue_.depth() != 0) Break("images are left in the queue");
    if (admission_.items() != 0 || admission_.bytes() != 0 || admission_.clients() != 0) {
      Break("permits are left");
    }
    if (load_.pending() != 0) Break("work is left pending");
  }

  static constexpr double kRounding = 1e-6;
  // An image may have been given up by an estimate; by how much that may err here.
  static constexpr double kNoise = 1.2;
  static constexpr absl::Duration kMargin = absl::Milliseconds(250);
  // In batches of a full budget, by which a client may get ahead of another.
  static constexpr double kMaxLead = 2.5;
  static constexpr double kMaxBatchesWaited = 6;

  std::mt19937 random_;
  const Mutant mutant_;
  SimulationTotals* const totals_;
  const int overlapping_runs_;
  const Settings settings_;
  SimulatedClock clock_;
  IgnoredMetrics metrics_;
  ModelLoad load_;
  Admission admission_;
  BatchQueue queue_;
  BatchRunner runner_;
  std::vector<Image> images_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  uint64_t next_event_ = 0;
  std::vector<int> waiting_;
  std::vector<double> served_;
  // For a pair of clients, how far the one was ahead of the other: least and most.
  std::map<std::pair<int, int>, std::pair<double, double>> shares_;
  int batches_ = 0;
  int completions_ = 0;
  int unlicensed_ = 0;
  // What a batch may cost without running out of memory, now and at the worst.
  double memory_ = std::numeric_limits<double>::infinity();
  double least_memory_ = std::numeric_limits<double>::infinity();
  // The last that ran out of it, in the batch before.
  double did_not_fit_ = std::numeric_limits<double>::infinity();
  // If there are several; one alone needs no coroutine, which is much quicker.
  std::list<Worker> workers_;
  // Which of them runs now, of the threads.
  Worker* active_ = nullptr;
  // Batches that were taken and have not ended.
  int runs_ = 0;
  // When it will have computed all that it was given.
  absl::Time device_free_;
  bool awake_ = false;
  bool ending_ = false;
  std::string broken_;
};

}  // namespace

std::string Simulate(uint32_t seed, Mutant mutant, SimulationTotals* totals) {
  return World(seed, mutant, totals).Run();
}

}  // namespace radio
