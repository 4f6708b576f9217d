// SPDX-License-Identifier: Apache-2.0
/** A loop that is compiled, and one that makes garbage: N rounds of each. */
public class Loop {
    static int fib(int n) {
        return n < 2 ? n : fib(n - 1) + fib(n - 2);
    }

    static long garbage(int rounds) {
        var map = new java.util.HashMap<Integer, String>();
        long sum = 0;
        for (int i = 0; i < rounds * 10000; i++) {
            map.put(i % 5000, "v" + i);
            sum += map.get(i * 7 % 5000) == null ? 1 : map.get(i * 7 % 5000).hashCode();
        }
        return sum;
    }

    static double series(int rounds) {
        double sum = 0;
        for (int i = 1; i < rounds * 50000; i++)
            sum += Math.sqrt(i) / (i % 13 + 1) * (i % 2 == 0 ? 1 : -1);
        return sum;
    }

    public static void main(String[] args) {
        int rounds = Integer.parseInt(args[0]);
        System.out.println("hello " + fib(15 + rounds) + " " + garbage(rounds) + " " + series(rounds));
        System.gc();
    }
}
