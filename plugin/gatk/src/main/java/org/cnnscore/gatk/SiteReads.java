package org.cnnscore.gatk;

import htsjdk.samtools.CigarElement;
import htsjdk.samtools.CigarOperator;
import htsjdk.samtools.SAMRecord;
import htsjdk.samtools.SAMSequenceDictionary;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.function.Predicate;
import org.broadinstitute.hellbender.engine.ReadsContext;
import org.broadinstitute.hellbender.utils.SimpleInterval;
import org.broadinstitute.hellbender.utils.read.GATKRead;
import org.broadinstitute.hellbender.utils.read.SAMRecordToGATKReadAdapter;

/**
 * The reads over sites that come in order, as BAM records. Neighbouring sites share one region
 * query, whose reads stay in a pool for as long as a later site may need them. What native/window
 * does, with GATK's readers and filters; coordinates are 0-based half-open.
 */
final class SiteReads {

  /** A site closer than this to those before it goes on with their query. */
  private static final int SHARED_QUERY_GAP = 8192;

  /** A query reaches this far past its first site. */
  private static final int QUERY_REACH = 1 << 18;

  /** A site that spans more than this is read alone, its reads chosen as they stream by. */
  private static final int LONG_SITE = 20_000;

  /** So is every site where more bytes of reads than this lie in the pool. */
  private static final long POOL_BYTES = 128L << 20;

  /** Where soft clips count as part of a read: up to this many bases each side. */
  private static final int CLIP_REACH = 128;

  /** A read, where it is aligned, and what of the contig it counts for. */
  private record Pooled(ReadRecord record, int position, int begin, int end) {
    boolean overlaps(int siteStart, int siteEnd) {
      return begin < siteEnd && end > siteStart;
    }
  }

  private final Predicate<GATKRead> filter;
  private final Downsampler downsampler;
  private final int reach;
  private final boolean eachAlone;

  private final List<Pooled> pool = new ArrayList<>();
  private long poolBytes;
  private Iterator<GATKRead> query = Collections.emptyIterator();
  private GATKRead next;
  private SAMRecord head;
  private String contig = "";
  private int contigLength;
  private int queryStart;
  private int querySeen;
  private int queryEnd;
  private long sites;
  private long sitesSampled;
  private long sitesEmpty;

  /**
   * @param clipsCount whether soft clips count as part of a read
   * @param eachAlone whether every site is a query of its own: GATK merges several files by their
   *     next reads, so that the order of reads depends on where a query began
   */
  SiteReads(
      Predicate<GATKRead> filter, Downsampler downsampler, boolean clipsCount, boolean eachAlone) {
    this.filter = filter;
    this.downsampler = downsampler;
    this.reach = clipsCount ? CLIP_REACH : 0;
    this.eachAlone = eachAlone;
  }

  /** All sites. */
  long sites() {
    return sites;
  }

  /** Sites whose reads had to be sampled. */
  long sitesSampled() {
    return sitesSampled;
  }

  /** Sites without a read. */
  long sitesEmpty() {
    return sitesEmpty;
  }

  /** Whether a read counts anywhere. Ends the running query. */
  boolean anyCounts(ReadsContext source, List<SAMSequenceDictionary> files) {
    endQuery();
    return SampleDepth.anyCounts(source, files, filter);
  }

  /** Reads that counted at the last site, those left out as well. */
  long depth() {
    return downsampler.seen();
  }

  /**
   * Reads over [start, end); the list is valid until the next call.
   *
   * @param source GATK's door to all reads
   */
  List<ReadRecord> over(
      ReadsContext source, String siteContig, int siteContigLength, int start, int end) {
    if (!siteContig.equals(contig)) {
      endQuery();
      contig = siteContig;
      contigLength = siteContigLength;
    }
    int last = Math.max(Math.min(end, contigLength), start + 1);
    downsampler.start(contig, start);
    boolean alone = eachAlone || last - start > LONG_SITE;
    if (!alone) {
      enterQuery(source, start, last);
      trim(start);
      alone = !fill(start, last);
    }
    if (alone) {
      stream(source, start, last);
    } else {
      choose(start, last);
    }
    List<ReadRecord> chosen = downsampler.chosen();
    sites++;
    if (downsampler.seen() > chosen.size()) {
      sitesSampled++;
    }
    if (chosen.isEmpty()) {
      sitesEmpty++;
    }
    return chosen;
  }

  private void choose(int start, int end) {
    for (Pooled read : pool) {
      if (read.position >= (long) end + reach) {
        break;
      }
      if (read.overlaps(start, end)) {
        downsampler.offer(read.record);
      }
    }
  }

  private void stream(ReadsContext source, int start, int end) {
    endQuery();
    startQuery(source, Math.max(start - reach, 0), clamp((long) end + reach));
    while (mayOverlap(end)) {
      Pooled read = take(start);
      if (read != null && read.overlaps(start, end)) {
        downsampler.offer(read.record);
      }
    }
    endQuery();
  }

  /** Pools the reads that may overlap the site; false when there are too many to hold. */
  private boolean fill(int start, int end) {
    while (mayOverlap(end)) {
      Pooled read = take(start);
      if (read != null) {
        pool.add(read);
        poolBytes += read.record.bytes().length;
        if (poolBytes > POOL_BYTES) {
          return false;
        }
      }
    }
    return true;
  }

  private boolean mayOverlap(int end) {
    return head != null && head.getAlignmentStart() - 1 < (long) end + reach;
  }

  /** The next read of the query; null when it ends before the site or does not count. */
  private Pooled take(int start) {
    int end = BamRecords.end(head);
    Pooled read = null;
    if (end > start - reach && filter.test(next)) {
      int position = head.getAlignmentStart() - 1;
      List<CigarElement> cigar = reach == 0 ? List.of() : head.getCigar().getCigarElements();
      int before = clip(cigar);
      int after = clip(new Reversed(cigar));
      ReadRecord record = new ReadRecord(BamRecords.encode(head));
      read = new Pooled(record, position, position - before, end + after);
    }
    advance();
    return read;
  }

  /** Soft-clipped bases at the beginning of a CIGAR. */
  private static int clip(Iterable<CigarElement> cigar) {
    long length = 0;
    for (CigarElement element : cigar) {
      if (element.getOperator() == CigarOperator.S) {
        length += element.getLength();
      } else if (element.getOperator() != CigarOperator.H) {
        break;
      }
    }
    return (int) Math.min(length, CLIP_REACH);
  }

  /** A CIGAR from its end on. */
  private record Reversed(List<CigarElement> cigar) implements Iterable<CigarElement> {
    @Override
    public Iterator<CigarElement> iterator() {
      var at = cigar.listIterator(cigar.size());
      return new Iterator<>() {
        @Override
        public boolean hasNext() {
          return at.hasPrevious();
        }

        @Override
        public CigarElement next() {
          return at.previous();
        }
      };
    }
  }

  /** Makes the running query one that the site can go on with. */
  private void enterQuery(ReadsContext source, int start, int end) {
    boolean goesOn =
        start >= queryStart
            && start < (long) querySeen + SHARED_QUERY_GAP
            && clamp((long) end + reach) <= queryEnd;
    if (!goesOn) {
      endQuery();
      startQuery(source, Math.max(start - reach, 0), clamp((long) end + QUERY_REACH));
      querySeen = end;
    }
    queryStart = start;
    querySeen = Math.max(querySeen, end);
  }

  private int clamp(long position) {
    return (int) Math.min(position, contigLength);
  }

  private void startQuery(ReadsContext source, int start, int end) {
    query = source.iterator(new SimpleInterval(contig, start + 1, Math.max(end, start + 1)));
    queryEnd = end;
    advance();
  }

  private void endQuery() {
    pool.clear();
    poolBytes = 0;
    query = Collections.emptyIterator();
    next = null;
    head = null;
    queryEnd = 0;
  }

  private void trim(int start) {
    pool.removeIf(
        read -> {
          if (read.end > start) {
            return false;
          }
          poolBytes -= read.record.bytes().length;
          return true;
        });
  }

  private void advance() {
    next = query.hasNext() ? query.next() : null;
    head = next == null ? null : ((SAMRecordToGATKReadAdapter) next).getEncapsulatedSamRecord();
  }
}
