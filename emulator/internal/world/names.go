package world

// name is a person's name as written and its ASCII form for addresses.
type name struct{ written, ascii string }

// The lists mix scripts, combining marks, apostrophes and spaces on purpose: clients that treat names as ASCII fail here.

func givenNames() []name {
	return []name{
		{"Ada", "ada"},
		{"Žofia", "zofia"},
		{"José", "jose"},
		{"Søren", "soren"},
		{"小龙", "xiaolong"},
		{"Priya", "priya"},
		{"Noah", "noah"},
		{"Zoë", "zoe"},
		{"محمد", "muhammad"},
		{"Olga", "olga"},
		{"Anaïs", "anais"},
		{"Björn", "bjorn"},
		{"Chloé", "chloe"},
		{"Dmitri", "dmitri"},
		{"Emília", "emilia"},
		{"Fatima", "fatima"},
		{"Grace", "grace"},
		{"Héctor", "hector"},
		{"Ines", "ines"},
		{"Jürgen", "juergen"},
		{"Kaito", "kaito"},
		{"Lena", "lena"},
		{"Mei-Ling", "meiling"},
		{"Nuño", "nuno"},
		{"Øystein", "oystein"},
		{"Paula", "paula"},
		{"Quinn", "quinn"},
		{"Rahul", "rahul"},
		{"Saoirse", "saoirse"},
		{"Tomáš", "tomas"},
		{"Uma", "uma"},
		{"Vera", "vera"},
		{"Wanjiru", "wanjiru"},
		{"Ximena", "ximena"},
		{"Yael", "yael"},
		{"Zeynep", "zeynep"},
		{"Amélie", "amelie"},
		{"Bruno", "bruno"},
		{"花子", "hanako"},
		{"D'Arcy", "darcy"},
		{"Eun-ji", "eunji"},
		{"Αλέξης", "alexis"},
	}
}

func familyNames() []name {
	return []name{
		{"Müller", "mueller"},
		{"O'Brien", "obrien"},
		{"García Márquez", "garcia"},
		{"Nguyễn", "nguyen"},
		{"李", "li"},
		{"Okafor", "okafor"},
		{"Łukasik", "lukasik"},
		{"Svensson", "svensson"},
		{"Ivanova", "ivanova"},
		{"Haddad", "haddad"},
		{"Sato", "sato"},
		{"Weiß", "weiss"},
		{"Da Silva", "dasilva"},
		{"Novák", "novak"},
		{"Kowalczyk", "kowalczyk"},
		{"Singh", "singh"},
		{"Van der Berg", "vanderberg"},
		{"Papadopoulos", "papadopoulos"},
		{"Çelik", "celik"},
		{"Åkesson", "akesson"},
		{"Dubois", "dubois"},
		{"Rossi", "rossi"},
		{"Mbeki", "mbeki"},
		{"Goldberg", "goldberg"},
		{"Smith-Jones", "smithjones"},
		{"Chen", "chen"},
		{"Yamamoto", "yamamoto"},
		{"Ferreira", "ferreira"},
		{"Björklund", "bjorklund"},
		{"Horváth", "horvath"},
		{"Kim", "kim"},
		{"Murphy", "murphy"},
		{"Ortiz", "ortiz"},
		{"Petrov", "petrov"},
		{"Qureshi", "qureshi"},
		{"Ramanujan", "ramanujan"},
		{"Sörensen", "soerensen"},
		{"Tanaka", "tanaka"},
		{"Ueda", "ueda"},
	}
}

func outsideDomains() []string {
	return []string{"contractor.example", "agency.example", "auditors.example"}
}

func departments() []string {
	return []string{"Engineering", "Sales", "Finance", "People", "Legal", "IT", "Marketing", "Customer Success", "Forschung & Entwicklung"}
}
