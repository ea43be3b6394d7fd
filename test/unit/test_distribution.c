/*
 * test_distribution.c
 *	  The demand distributions against values computed with many digits, and against
 *	  each other where they must agree.
 */
#include <float.h>
#include <math.h>

#include "distribution.h"
#include "unit.h"

typedef struct Reference
{
	DistributionKind kind;
	double		mean;
	double		dispersion;
	int64_t		k;
	double		mass;			/* P(D = k) */
	double		at_least;		/* P(D >= k) */
	double		below;			/* P(D < k) */
	double		sales;			/* E[min(D, k)]; -1: not computed */
} Reference;

#define POISSON DISTRIBUTION_POISSON
#define BINOMIAL DISTRIBUTION_NEGATIVE_BINOMIAL
#define NORMAL DISTRIBUTION_NORMAL

/*
 * From mpmath 1.3.0 with 60 digits: the incomplete beta and gamma functions and erfc,
 * checked there against plain sums of probabilities; for the large means, sums with 40
 * digits alone. Expected sales are the sum of P(D >= j). What is below 1e-307 is 0 here.
 */
static const Reference references[] = {
	{POISSON, 0.1, 1, 1, 0.090483741803595962, 0.095162581964040432, 0.90483741803595957, 0.095162581964040432},
	{POISSON, 0.1, 1, 2, 4.5241870901797983e-3, 4.67884016044447e-3, 0.99532115983955553, 0.099841422124484902},
	{POISSON, 0.1, 1, 10, 2.493489357462412e-17, 2.5163478067703162e-17, 0.99999999999999997, 0.10000000000000001},
	{POISSON, 3.5, 1, 1, 0.10569084197811475, 0.9698026165776815, 0.030197383422318501, 0.9698026165776815},
	{POISSON, 3.5, 1, 2, 0.18495897346170082, 0.86411177459956675, 0.13588822540043325, 1.8339143911772482},
	{POISSON, 3.5, 1, 3, 0.21578546903865095, 0.67915280113786593, 0.32084719886213407, 2.5130671923151142},
	{POISSON, 3.5, 1, 4, 0.18881228540881958, 0.46336733209921498, 0.53663266790078502, 2.9764345244143292},
	{POISSON, 3.5, 1, 6, 0.077098349875267997, 0.14238644690422168, 0.85761355309577832, 3.3933760180089462},
	{POISSON, 3.5, 1, 17, 1.5068067330106169e-7, 1.8650830720649404e-7, 0.99999981349169279, 3.4999999562907012},
	{POISSON, 20, 1, 1, 4.1223072448771157e-8, 0.99999999793884638, 2.0611536224385578e-9, 0.99999999793884638},
	{POISSON, 20, 1, 2, 4.1223072448771157e-7, 0.99999995671577393, 4.3284226071209714e-8, 1.9999999546546203},
	{POISSON, 20, 1, 10, 5.8163065183451367e-3, 0.99500458769169241, 4.9954123083075872e-3, 9.9917910578996245},
	{POISSON, 20, 1, 20, 0.088835317392085218, 0.52974273316076001, 0.47025726683923999, 18.223293652158296},
	{POISSON, 20, 1, 21, 0.084605064182938303, 0.44090741576867479, 0.55909258423132521, 18.66420106792697},
	{POISSON, 20, 1, 28, 0.018147191334256362, 0.052480713228266416, 0.94751928677173358, 19.911724348466953},
	{POISSON, 20, 1, 50, 7.6301885974400029e-9, 1.2458926079719379e-8, 0.99999998754107392, 19.999999992258353},
	{POISSON, 400, 1, 1, 7.6606783868560228e-172, 1, 1.9151695967140057e-174, 1.0},
	{POISSON, 400, 1, 2, 1.5321356773712046e-169, 1, 7.6798300828231628e-172, 2.0},
	{POISSON, 400, 1, 200, 6.2707121329495327e-29, 1, 6.2095118429960886e-29, 200.0},
	{POISSON, 400, 1, 400, 0.01994295880503305, 0.50664912983890547, 0.49335087016109453, 392.02281647798678},
	{POISSON, 400, 1, 401, 0.019893225740681346, 0.48670617103387242, 0.51329382896612758, 392.50952264902065},
	{POISSON, 400, 1, 522, 7.5378099030616194e-10, 3.1452683885926452e-9, 0.99999999685473161, 399.99999999024907},
	{POISSON, 400, 1, 810, 1.0071360465882215e-72, 1.9850178739421888e-72, 1, 400.0},
	{POISSON, 12345.5, 1, 1, 0, 1, 0, -1},
	{POISSON, 12345.5, 1, 2, 0, 1, 0, -1},
	{POISSON, 12345.5, 1, 6172, 0, 1, 0, -1},
	{POISSON, 12345.5, 1, 12345, 3.5905186730355614e-3, 0.5029920953934815, 0.4970079046065185, -1},
	{POISSON, 12345.5, 1, 12346, 3.5903732608100213e-3, 0.49940157672044594, 0.50059842327955406, -1},
	{POISSON, 12345.5, 1, 16051, 1.1698238799711216e-223, 5.0627473789076767e-223, 1, -1},
	{POISSON, 12345.5, 1, 24701, 0, 0, 1, -1},
	{BINOMIAL, 0.05, 3, 1, 0.016215140581157813, 0.027091565130531291, 0.97290843486946871, 0.027091565130531291},
	{BINOMIAL, 0.05, 3, 2, 5.540173031895586e-3, 0.010876424549373478, 0.98912357545062652, 0.037967989679904769},
	{BINOMIAL, 0.05, 3, 4, 1.2569267566113111e-3, 2.8431736531248783e-3, 0.99715682634687512, 0.046147414850507539},
	{BINOMIAL, 0.05, 3, 5, 6.7455069271473695e-4, 1.5862468965135672e-3, 0.99841375310348643, 0.047733661747021106},
	{BINOMIAL, 0.05, 3, 21, 2.5393598529289856e-7, 7.0367449511611377e-7, 0.99999929632550488, 0.049998744013599233},
	{BINOMIAL, 0.7, 1.2, 1, 0.30816437616835156, 0.47171821228282588, 0.52828178771717412, 0.47171821228282588},
	{BINOMIAL, 0.7, 1.2, 2, 0.11556164106313183, 0.16355383611447432, 0.83644616388552568, 0.63527204839730019},
	{BINOMIAL, 0.7, 1.2, 5, 2.3908152013929176e-3, 3.1184328098138709e-3, 0.99688156719018613, 0.6990643698738421},
	{BINOMIAL, 0.7, 1.2, 7, 1.2768407904264421e-4, 1.6311957475873669e-4, 0.99983688042524126, 0.69995510705702179},
	{BINOMIAL, 0.7, 1.2, 35, 7.5676864731181842e-25, 9.2083772203233259e-25, 1, 0.69999999999999996},
	{BINOMIAL, 3, 2, 1, 0.1875, 0.875, 0.125, 0.875},
	{BINOMIAL, 3, 2, 2, 0.1875, 0.6875, 0.3125, 1.5625},
	{BINOMIAL, 3, 2, 4, 0.1171875, 0.34375, 0.65625, 2.40625},
	{BINOMIAL, 3, 2, 5, 0.08203125, 0.2265625, 0.7734375, 2.6328125},
	{BINOMIAL, 3, 2, 15, 5.18798828125e-4, 1.1749267578125e-3, 0.9988250732421875, 2.99853515625},
	{BINOMIAL, 3, 2, 76, 4.9680467589934842e-21, 1.0197482591553725e-20, 1, 3.0},
	{BINOMIAL, 3, 50, 1, 0.047220728042982233, 0.21298786595029612, 0.78701213404970388, 0.21298786595029612},
	{BINOMIAL, 3, 50, 2, 0.024554778582350761, 0.16576713790731389, 0.83423286209268611, 0.37875500385761},
	{BINOMIAL, 3, 50, 4, 0.012400163184087134, 0.12467880841284694, 0.87532119158715306, 0.64464617159542007},
	{BINOMIAL, 3, 50, 5, 9.870529894533359e-3, 0.11227864522875981, 0.88772135477124019, 0.75692481682417988},
	{BINOMIAL, 3, 50, 54, 3.9500391398252074e-4, 0.012505272696976739, 0.98749472730302326, 2.5712583397930077},
	{BINOMIAL, 3, 50, 321, 3.3685248526506695e-7, 1.4940534963419504e-5, 0.99998505946503658, 2.9993446077298631},
	{BINOMIAL, 0.001, 1000, 1, 9.9999308535395736e-7, 6.9146460426559183e-6, 0.99999308535395734, 6.9146460426559183e-6},
	{BINOMIAL, 0.001, 1000, 2, 4.9949704613084438e-7, 5.9146529573019609e-6, 0.9999940853470427, 1.2829298999957879e-5},
	{BINOMIAL, 0.001, 1000, 5, 1.9920023720975113e-7, 4.8332412282654573e-6, 0.99999516675877173, 2.8160186851343412e-5},
	{BINOMIAL, 0.001, 1000, 7, 1.4200150635901597e-7, 4.4682067603785489e-6, 0.99999553179323962, 3.7262434602777667e-5},
	{BINOMIAL, 0.001, 1000, 37, 2.6070818361893286e-8, 2.7716520367162049e-6, 0.99999722834796328, 1.3792807431641129e-4},
	{BINOMIAL, 25, 1.5, 1, 2.613880909139931e-8, 0.99999999843167145, 1.5683285454839586e-9, 0.99999999843167145},
	{BINOMIAL, 25, 1.5, 2, 2.2217987727689414e-7, 0.99999997229286236, 2.7707137636883269e-8, 1.9999999707245338},
	{BINOMIAL, 25, 1.5, 5, 2.0410924725837341e-5, 0.99999279670571475, 7.2032942852462051e-6, 4.9999909839502611},
	{BINOMIAL, 25, 1.5, 12, 5.1409673152780336e-3, 0.99379750241523976, 6.2024975847602364e-3, 11.988095056926878},
	{BINOMIAL, 25, 1.5, 26, 0.062398227565901933, 0.44598533552353182, 0.55401466447646818, 23.012454460453356},
	{BINOMIAL, 25, 1.5, 52, 4.6634096810821497e-5, 1.2690374053482639e-4, 0.99987309625946517, 24.999788941443196},
	{BINOMIAL, 25, 1.5, 190, 1.0036017555784006e-48, 1.7259744462663444e-48, 1, 25.0},
	{BINOMIAL, 25, 1.0000001, 1, 3.4719899590268925e-10, 0.99999999998611204, 1.3887961224903555e-11, 0.99999999998611204},
	{BINOMIAL, 25, 1.0000001, 2, 4.339987032144862e-9, 0.99999999963891304, 3.6108695712759281e-10, 1.9999999996250251},
	{BINOMIAL, 25, 1.0000001, 5, 1.1302046579136719e-6, 0.99999973309142017, 2.6690857983332892e-7, 4.999999687147742},
	{BINOMIAL, 25, 1.0000001, 12, 1.7281491766552679e-3, 0.99858402644526096, 1.4159735547390435e-3, 11.997669864017965},
	{BINOMIAL, 25, 1.0000001, 26, 0.076464372588382852, 0.44707857997558513, 0.55292142002441487, 23.459004693870262},
	{BINOMIAL, 25, 1.0000001, 48, 1.412049750350288e-5, 2.8278147520087124e-5, 0.99997172185247991, 24.999972613445015},
	{BINOMIAL, 60, 2, 1, 2.6020852139652106e-17, 1, 8.6736173798840355e-19, 1.0},
	{BINOMIAL, 60, 2, 2, 3.9681799512969462e-16, 0.99999999999999997, 2.688821387764051e-17, 2.0},
	{BINOMIAL, 60, 2, 5, 2.0666281186354496e-13, 0.99999999999996318, 3.6815223179026413e-14, 4.9999999999999582},
	{BINOMIAL, 60, 2, 30, 3.6250165767056937e-4, 0.99933236881718903, 6.6763118281096844e-4, 29.998278836024095},
	{BINOMIAL, 60, 2, 61, 0.035746710939401664, 0.46365751054494164, 0.53634248945505836, 56.102558775937939},
	{BINOMIAL, 60, 2, 106, 3.6476966984292169e-5, 1.5722049827425404e-4, 0.99984277950172575, 59.999499025919946},
	{BINOMIAL, 60, 2, 345, 6.0562423298933464e-51, 1.4590441027594741e-50, 1, 60.0},
	{BINOMIAL, 200, 4, 1, 3.6444940802304198e-39, 1, 7.2889881604608395e-41, 1.0},
	{BINOMIAL, 200, 4, 2, 9.2479037285846901e-38, 1, 3.7173839618350282e-39, 2.0},
	{BINOMIAL, 200, 4, 5, 2.1981708435328873e-34, 1, 2.242121401603416e-35, 5.0},
	{BINOMIAL, 200, 4, 100, 3.0496843468246385e-6, 0.99998832870999427, 1.1671290005727481e-5, 99.999947255261843},
	{BINOMIAL, 200, 4, 201, 0.014015574608898372, 0.47650568191359483, 0.52349431808640517, 189.2079836963593},
	{BINOMIAL, 200, 4, 316, 1.6496903223203973e-5, 1.6712151064083305e-4, 0.99983287848935917, 199.99853400956021},
	{BINOMIAL, 200, 4, 919, 3.2872459498698462e-52, 1.6711777962900734e-51, 1, 200.0},
	{BINOMIAL, 5000, 30, 1, 3.5137458823096871e-253, 1, 2.1082475293858123e-255, -1},
	{BINOMIAL, 5000, 30, 2, 2.9451046736892361e-251, 1, 3.5348283576035452e-253, -1},
	{BINOMIAL, 5000, 30, 5, 2.3930778047946944e-246, 1, 7.1849470697703627e-248, -1},
	{BINOMIAL, 5000, 30, 2500, 2.8919174315594978e-17, 0.99999999999999914, 8.5730094219029e-16, -1},
	{BINOMIAL, 5000, 30, 5001, 1.0293603510057361e-3, 0.48935594439864549, 0.51064405560135451, -1},
	{BINOMIAL, 5000, 30, 6552, 9.7449334953745555e-7, 1.1510550627369405e-4, 0.99988489449372631, -1},
	{BINOMIAL, 5000, 30, 14694, 5.0373653679602691e-67, 2.2802691341036683e-65, 1, -1},
	{NORMAL, 100, 0.5, 1, 1.7971178733518462e-44, 1, 2.845549982842274e-45, 1.0},
	{NORMAL, 100, 0.5, 2, 1.2846831292366818e-43, 1, 2.0816728716360736e-44, 2.0},
	{NORMAL, 100, 0.5, 5, 4.1630497986865679e-41, 1, 7.2326934497842737e-42, 5.0},
	{NORMAL, 100, 0.5, 50, 8.1589937435290954e-13, 0.99999999999953935, 4.6065492707273074e-13, 49.999999999999291},
	{NORMAL, 100, 0.5, 101, 0.055811996815173435, 0.47181401110149169, 0.52818598889850831, 97.653218256762743},
	{NORMAL, 100, 0.5, 131, 3.8408072224755255e-6, 8.0399128800834904e-6, 0.99999196008711992, 99.999991551991046},
	{NORMAL, 100, 0.5, 288, 3.0545532672775673e-155, 3.1269757944390525e-155, 1, 100.0},
	{BINOMIAL, 1e-9, 7, 1, 1.4285714281081167e-10, 3.2431835812329437e-10, 0.99999999967568164, 3.2431835812329437e-10},
	{BINOMIAL, 1e-9, 7, 2, 6.1224489786266227e-11, 1.814612153124827e-10, 0.99999999981853878, 5.0577957343577707e-10},
	{BINOMIAL, 1e-9, 7, 3, 3.4985422737924724e-11, 1.2023672552621647e-10, 0.99999999987976327, 6.2601629896199355e-10},
	{BINOMIAL, 1e-9, 7, 5, 1.5422145534951907e-11, 6.2760673884090661e-11, 0.99999999993723933, 7.7402827563437596e-10},
	{BINOMIAL, 1e-9, 7, 12, 2.1842685269349292e-12, 1.1187181814759702e-11, 0.99999999998881282, 9.5076762550339525e-10},
	{NORMAL, 0.4, 0.3, 1, 0.385666914197351, 0.38641499634222377, 0.61358500365777623, 0.38641499634222377},
	{NORMAL, 0.4, 0.3, 2, 7.4808147341968613e-4, 7.480821448727757e-4, 0.99925191785512722, 0.38716307848709655},
	{NORMAL, 0.4, 0.3, 8, 1.1702476808977569e-93, 1.1702476808977569e-93, 1, 0.38716307915854964},
	{NORMAL, 0.4, 0.3, 9, 3.2060549325354043e-121, 3.2060549325354043e-121, 1, 0.38716307915854964},
	{NORMAL, 0.4, 0.3, 14, 0, 0, 1, 0.38716307915854964},
	{NORMAL, 8, 0.9, 1, 5.1147325552602324e-3, 0.99740569622384221, 2.5943037761577857e-3, 0.99740569622384221},
	{NORMAL, 8, 0.9, 2, 0.012486406391661692, 0.99229096366858198, 7.7090363314180181e-3, 1.9896966598924242},
	{NORMAL, 8, 0.9, 8, 0.14782107310318455, 0.57391053655159228, 0.42608946344840772, 6.9367701279039881},
	{NORMAL, 8, 0.9, 9, 0.13801440243311825, 0.42608946344840772, 0.57391053655159228, 7.3628595913523959},
	{NORMAL, 8, 0.9, 14, 0.012486406391661692, 0.02019544272307971, 0.97980455727692029, 7.9896966598924242},
	{NORMAL, 7.5, 1e-6, 1, 0, 1, 0, 1.0},
	{NORMAL, 7.5, 1e-6, 2, 0, 1, 0, 2.0},
	{NORMAL, 7.5, 1e-6, 8, 0.5, 0.5, 0.5, 7.5},
	{NORMAL, 7.5, 1e-6, 9, 0, 0, 1, 7.5},
	{NORMAL, 7.5, 1e-6, 14, 0, 0, 1, 7.5},
	{POISSON, 1e7, 1, 9990000, 8.4904502644527561e-7, 0.99921899795261865, 7.8100204738135129e-4, -1},
	{POISSON, 1e7, 1, 10000000, 1.2615662504970279e-4, 0.5000420522087237, 0.4999579477912763, -1},
	{POISSON, 1e7, 1, 10001000, 1.1999809408502367e-4, 0.3759568173711596, 0.6240431826288404, -1},
	{POISSON, 1e7, 1, 10020000, 2.6325181420505885e-13, 1.288128898420476e-10, 0.99999999987118711, -1},
	{BINOMIAL, 1e7, 3, 9980000, 9.2162927114525102e-8, 0.99987063169229974, 1.2936830770026081e-4, -1},
	{BINOMIAL, 1e7, 3, 10000001, 7.2836553339550134e-5, 0.49990288458511635, 0.50009711541488365, -1},
	{BINOMIAL, 1e7, 3, 10050000, 6.5320168956571634e-23, 3.8929997806590277e-20, 1, -1},
	{BINOMIAL, 1e6, 1000, 900000, 6.5864227870831672e-8, 0.99945002546698106, 5.499745330189431e-4, -1},
	{BINOMIAL, 1e6, 1000, 1000000, 1.2614612398887833e-5, 0.49580316577241788, 0.50419683422758212, -1},
	{BINOMIAL, 1e6, 1000, 1200000, 2.2061705334769768e-13, 1.2869711528393859e-9, 0.99999999871302885, -1},
	{BINOMIAL, 50, 1.0000001, 20, 7.5605215716274338e-7, 0.99999952086380121, 4.7913619878592792e-7, -1},
	{BINOMIAL, 50, 1.0000001, 51, 0.055220591675432076, 0.46248330914685241, 0.53751669085314759, -1},
	{BINOMIAL, 50, 1.0000001, 110, 9.3553545831932899e-14, 1.6926006416713214e-13, 0.99999999999983074, -1},
};

#define REFERENCES (sizeof(references) / sizeof(references[0]))

static Distribution
demand_of(DistributionKind kind, double mean, double dispersion)
{
	Distribution demand;
	MerchFault	fault;

	assert_int_equal(distribution_set(kind, mean, dispersion, &demand, &fault), MERCH_OK);
	return demand;
}

/* To a relative error, also where numbers are tiny; denormal ones count as 0. */
static void
assert_near(double value, double expected, double error)
{
	if (fabs(value - expected) > error * fabs(expected) + DBL_MIN)
		fail_msg("%.17g is not %.17g: off by %.3g of it", value, expected,
				 fabs(value - expected) / fabs(expected));
}

static void
test_references(void **state)
{
	(void) state;
	for (size_t i = 0; i < REFERENCES; i++)
	{
		const Reference *r = &references[i];
		Distribution demand = demand_of(r->kind, r->mean, r->dispersion);
		double		error = r->mean < 1e5 ? 2e-13 : 1e-12;

		/* a difference of two tails is what the normal distribution's mass is */
		if (r->kind != DISTRIBUTION_NORMAL || r->mass > 1e-3)
			assert_near(distribution_mass(&demand, r->k), r->mass, error);
		assert_near(distribution_at_least(&demand, r->k), r->at_least, error);
		assert_near(distribution_below(&demand, r->k), r->below, error);
		if (r->sales >= 0)
			assert_near(distribution_expected_sales(&demand, r->k), r->sales, error);
	}
}

static const double means[] = {1e-12, 0.01, 0.3, 1, 4.5, 30, 333, 4000.25};
static const double dispersions[] = {0.01, 0.7, 1, 1 + 1e-12, 1.001, 1.7, 5, 40, 1e4};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Tails add up to 1, masses to tails, and tails to expected sales. */
static void
test_sums(void **state)
{
	(void) state;
	for (size_t i = 0; i < COUNT(means) * COUNT(dispersions); i++)
	{
		Distribution demand = demand_of(DISTRIBUTION_AUTO, means[i / COUNT(dispersions)],
										dispersions[i % COUNT(dispersions)]);
		int64_t		most = (int64_t) (demand.mean + 8 * demand.deviation) + 20;
		double		below = 0;
		double		sales = 0;

		if (most > 6000)
			most = 6000;
		for (int64_t k = 0; k <= most; k++)
		{
			double		at_least = distribution_at_least(&demand, k);

			if (k % 7 == 0 || k < 20)
			{
				assert_true(fabs(distribution_below(&demand, k) - below) < 1e-11);
				assert_true(fabs(distribution_below(&demand, k) + at_least - 1) < 1e-15);
				assert_true(fabs(distribution_expected_sales(&demand, k) - sales) < 1e-10);
			}
			below += distribution_mass(&demand, k);
			sales += k < most ? distribution_at_least(&demand, k + 1) : 0;
		}
	}
}

/* The walk says what the tails say, from wherever it starts. */
static void
test_walk(void **state)
{
	const double starts[] = {1, 2, 31, 40, 400};

	(void) state;
	for (size_t i = 0; i < COUNT(means) * COUNT(dispersions) * COUNT(starts); i++)
	{
		size_t		j = i / COUNT(starts);
		Distribution demand = demand_of(DISTRIBUTION_AUTO, means[j / COUNT(dispersions)],
										dispersions[j % COUNT(dispersions)]);
		DemandWalk	walk;

		demand_walk_start(&walk, &demand, starts[i % COUNT(starts)]);
		assert_true(walk.k >= starts[i % COUNT(starts)]);
		assert_true(walk.k == starts[i % COUNT(starts)] ||
					distribution_below(&demand, (int64_t) walk.k) < 1e-17);
		for (int step = 0; step < 3000; step++)
		{
			if (step % 13 == 0)
			{
				double		at_least = distribution_at_least(&demand, (int64_t) walk.k);

				if (at_least > DEMAND_WALK_END)
					assert_near(walk.at_least, at_least, 1e-8);
				assert_true(fabs(walk.at_least - at_least) < 1e-12);
			}
			demand_walk_step(&walk, &demand);
		}
	}
}

/* A mean at which the probability of 0 is less than a double can hold. */
static void
test_walk_far_from_zero(void **state)
{
	const double wide[][2] = {{75e6, 1e6}, {1e7, 1}, {1e7, 3}, {3e5, 4e3}, {1e9, 0.5}};

	(void) state;
	for (size_t i = 0; i < COUNT(wide); i++)
	{
		Distribution demand = demand_of(DISTRIBUTION_AUTO, wide[i][0], wide[i][1]);
		DemandWalk	walk;

		demand_walk_start(&walk, &demand, 1);
		assert_true(walk.k > 1 && walk.k < demand.mean);
		assert_true(distribution_below(&demand, (int64_t) walk.k) < 1e-17);
		for (int step = 0; step < 20000; step++)
			demand_walk_step(&walk, &demand);
		assert_near(walk.at_least, distribution_at_least(&demand, (int64_t) walk.k), 1e-11);
	}
}

static void
test_quantile(void **state)
{
	const double probabilities[] = {0, 1e-30, 1e-6, 0.05, 0.5, 0.9, 0.99, 1 - 1e-9, 1 - DBL_EPSILON / 2};

	(void) state;
	for (size_t i = 0; i < COUNT(means) * COUNT(dispersions) * COUNT(probabilities); i++)
	{
		size_t		j = i / COUNT(probabilities);
		double		probability = probabilities[i % COUNT(probabilities)];
		Distribution demand = demand_of(DISTRIBUTION_AUTO, means[j / COUNT(dispersions)],
										dispersions[j % COUNT(dispersions)]);
		int64_t		q;
		MerchFault	fault;

		assert_int_equal(distribution_quantile(&demand, probability, &q, &fault), MERCH_OK);
		assert_true(q >= 0);
		if (probability < 0.5)
		{
			assert_true(distribution_below(&demand, q + 1) >= probability);
			assert_true(q == 0 || distribution_below(&demand, q) < probability);
		}
		else
		{
			assert_true(distribution_at_least(&demand, q + 1) <= 1 - probability);
			assert_true(q == 0 || distribution_at_least(&demand, q) > 1 - probability);
		}
	}
}

/* By hand: P(D <= q) of a Poisson and of a geometric demand. */
static void
test_known_quantiles(void **state)
{
	Distribution poisson = demand_of(DISTRIBUTION_POISSON, 2, 1);
	/* size 1: geometric with p = 1/3, P(D <= q) = 1 - (2/3)^(q + 1) */
	Distribution geometric = demand_of(DISTRIBUTION_AUTO, 2, 3);
	int64_t		q;
	MerchFault	fault;

	(void) state;
	/* 0.1353, 0.4060, 0.6767, 0.8571, 0.9473, 0.9834 */
	distribution_quantile(&poisson, 0.4, &q, &fault);
	assert_int_equal(q, 1);
	distribution_quantile(&poisson, 0.95, &q, &fault);
	assert_int_equal(q, 5);
	for (int64_t k = 0; k < 60; k++)
	{
		assert_near(distribution_at_least(&geometric, k), pow(2.0 / 3, (double) k), 1e-13);
		distribution_quantile(&geometric, 1 - 1.01 * pow(2.0 / 3, (double) k + 1), &q, &fault);
		assert_int_equal(q, k == 0 || 1.01 * pow(2.0 / 3, (double) k + 1) < 1 ? k : 0);
	}
}

/* Near a dispersion of 1 the three meet; the normal one only where the mean is large. */
static void
test_limits(void **state)
{
	Distribution poisson = demand_of(DISTRIBUTION_POISSON, 40, 9);
	Distribution binomial = demand_of(DISTRIBUTION_NEGATIVE_BINOMIAL, 40, 1 + 1e-13);
	Distribution at_one = demand_of(DISTRIBUTION_NEGATIVE_BINOMIAL, 40, 1);

	(void) state;
	for (int64_t k = 0; k < 200; k++)
	{
		assert_near(distribution_at_least(&binomial, k), distribution_at_least(&poisson, k), 1e-9);
		assert_true(distribution_at_least(&at_one, k) == distribution_at_least(&poisson, k));
	}
	poisson = demand_of(DISTRIBUTION_POISSON, 1e12, 1);
	binomial = demand_of(DISTRIBUTION_NORMAL, 1e12, 1);
	for (int64_t k = 999995000000; k <= 1000005000000; k += 2500000)
		assert_true(fabs(distribution_at_least(&binomial, k) - distribution_at_least(&poisson, k)) < 1e-6);
}

static void
test_extremes(void **state)
{
	const double wild_means[] = {0, 5e-324, 1e-300, 1e-5, 1, 1e7, 1e12};
	const double wild_dispersions[] = {5e-324, 1e-300, 1e-9, 1, 1 + DBL_EPSILON, 1e5, 1e9};
	const int64_t units[] = {INT64_MIN, -1, 0, 1, 5, 10000000, INT64_MAX - 1, INT64_MAX};

	(void) state;
	for (size_t i = 0; i < COUNT(wild_means) * COUNT(wild_dispersions); i++)
	{
		Distribution demand = demand_of(DISTRIBUTION_AUTO, wild_means[i / COUNT(wild_dispersions)],
										wild_dispersions[i % COUNT(wild_dispersions)]);
		DemandWalk	walk;
		double		before = 1;

		for (size_t j = 0; j < COUNT(units); j++)
		{
			double		at_least;
			double		sales;

			/* as many terms as the distribution is wide */
			if (demand.deviation > 1e7 && units[j] > 5)
				continue;
			at_least = distribution_at_least(&demand, units[j]);
			sales = distribution_expected_sales(&demand, units[j]);
			assert_true(at_least >= 0 && at_least <= before + 1e-15);
			assert_true(distribution_mass(&demand, units[j]) >= 0);
			assert_true(sales >= 0 && sales <= fmax(0, (double) units[j]));
			before = at_least;
		}
		demand_walk_start(&walk, &demand, 1);
		for (int step = 0; step < 100; step++)
		{
			assert_true(walk.at_least >= 0 && walk.at_least <= 1);
			demand_walk_step(&walk, &demand);
		}
	}
}

static void
assert_refused(DistributionKind kind, double mean, double dispersion, MerchStatus status)
{
	Distribution demand;
	MerchFault	fault;

	assert_int_equal(distribution_set(kind, mean, dispersion, &demand, &fault), status);
}

static void
test_faults(void **state)
{
	Distribution demand = demand_of(DISTRIBUTION_AUTO, 3, 2);
	const double improbable[] = {-0.1, 1, 2, NAN, INFINITY, -INFINITY};
	MerchFault	fault;
	int64_t		q;

	(void) state;
	assert_refused(DISTRIBUTION_AUTO, -1, 1, MERCH_MEAN_OUT_OF_RANGE);
	assert_refused(DISTRIBUTION_AUTO, NAN, 1, MERCH_MEAN_OUT_OF_RANGE);
	assert_refused(DISTRIBUTION_AUTO, INFINITY, 1, MERCH_MEAN_OUT_OF_RANGE);
	assert_refused(DISTRIBUTION_AUTO, 1.1e12, 1, MERCH_MEAN_OUT_OF_RANGE);
	assert_refused(DISTRIBUTION_POISSON, 1, 0, MERCH_DISPERSION_OUT_OF_RANGE);
	assert_refused(DISTRIBUTION_NORMAL, 1, -2, MERCH_DISPERSION_OUT_OF_RANGE);
	assert_refused(DISTRIBUTION_AUTO, 1, NAN, MERCH_DISPERSION_OUT_OF_RANGE);
	assert_refused(DISTRIBUTION_AUTO, 1, 1.1e9, MERCH_DISPERSION_OUT_OF_RANGE);
	assert_refused(DISTRIBUTION_AUTO, 1, INFINITY, MERCH_DISPERSION_OUT_OF_RANGE);
	assert_refused(DISTRIBUTION_NEGATIVE_BINOMIAL, 1, 0.99, MERCH_DISPERSION_BELOW_ONE);
	for (size_t i = 0; i < COUNT(improbable); i++)
		assert_int_equal(distribution_quantile(&demand, improbable[i], &q, &fault),
						 MERCH_PROBABILITY_OUT_OF_RANGE);
	assert_string_equal(distribution_name(DISTRIBUTION_NEGATIVE_BINOMIAL), "negative_binomial");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_references),
		cmocka_unit_test(test_sums),
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_walk_far_from_zero),
		cmocka_unit_test(test_quantile),
		cmocka_unit_test(test_known_quantiles),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_extremes),
		cmocka_unit_test(test_faults),
	};

	return cmocka_run_group_tests_name("distribution", tests, NULL, NULL);
}
